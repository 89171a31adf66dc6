export const handler = async (event) => ({ ...event, response: { how: 'type module' } });
