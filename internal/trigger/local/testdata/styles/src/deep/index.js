const { how } = require('./how');

exports.handler = async (event) => { event.response = { how }; return event; };
