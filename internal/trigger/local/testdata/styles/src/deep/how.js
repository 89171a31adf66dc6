exports.how = 'nested path';
