module.exports.handler = async (event) => { event.response = { how: '.cjs' }; return event; };
