// A DynamoDB on a free port of the loopback, in memory, for as long as standard
// input stays open: whoever started it need not remember to stop it.
import dynalite from 'dynalite'

const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))
process.stdin.on('end', () => process.exit(0)).resume()
// Whoever gives up in the middle of a request ends that one alone, as on AWS. dynalite
// would end itself.
process.on('uncaughtException', (error) => {
  if (error.code === 'ECONNRESET') return
  console.error(error)
  process.exit(1)
})
