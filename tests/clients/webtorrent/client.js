// One WebTorrent client that knows other peers by its trackers only.
//
//   client.js seed FILE TORRENT TRACKER...   writes TORRENT, then seeds until it is ended
//   client.js take FOLDER TORRENT TRACKER    downloads it into FOLDER and ends
import fs from 'node:fs'
import process from 'node:process'
import WebTorrent from 'webtorrent'

const [verb, place, file, ...trackers] = process.argv.slice(2)
const client = new WebTorrent({ dht: false, lsd: false, natPmp: false, natUpnp: false, utPex: false, utp: false })
const fail = (error) => { console.error('error:', error.message ?? error); process.exit(1) }
client.on('error', fail)

const watch = (torrent) => {
  torrent.on('warning', (warning) => console.error('warning:', warning.message ?? warning))
  torrent.on('wire', (wire) => console.log('wire', wire.type))
  torrent.on('error', fail)
}

if (verb === 'seed') {
  client.seed(place, { announceList: trackers.map((tracker) => [tracker]), private: true }, (torrent) => {
    watch(torrent)
    fs.writeFileSync(`${file}.part`, torrent.torrentFile)
    fs.renameSync(`${file}.part`, file)
  })
} else {
  // The torrent's own trackers are the seeder's: another one is asked instead.
  const { default: parseTorrent } = await import('parse-torrent')
  const parsed = await parseTorrent(fs.readFileSync(file))
  parsed.announce = trackers
  client.add(parsed, { path: place }, (torrent) => {
    watch(torrent)
    torrent.on('done', () => { console.log('done'); client.destroy(() => process.exit(0)) })
  })
}
