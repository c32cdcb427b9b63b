// Follows a trust repository with tuf-js and prints what it found, as JSON.
//   node follow.js BASE-URL STATE-FOLDER TARGET-PATH...
// STATE-FOLDER holds the pinned root.json and keeps the client's state.
'use strict'
const fs = require('fs')
const path = require('path')
const crypto = require('crypto')
const { Updater } = require('tuf-js')

async function main () {
  const [base, dir, ...targets] = process.argv.slice(2)
  const updater = new Updater({
    metadataDir: dir,
    metadataBaseUrl: base,
    targetDir: dir,
    targetBaseUrl: base,
    config: { fetchRetries: 0 }
  })
  await updater.refresh()
  const out = { found: {} }
  for (const target of targets) {
    const info = await updater.getTargetInfo(target)
    if (!info) {
      out.found[target] = null
      continue
    }
    const name = path.join(dir, crypto.createHash('sha256').update(target).digest('hex') + '.target')
    await updater.downloadTarget(info, name)
    out.found[target] = { length: info.length, sha256: crypto.createHash('sha256').update(fs.readFileSync(name)).digest('hex') }
  }
  for (const role of ['root', 'timestamp', 'snapshot']) {
    out[role] = JSON.parse(fs.readFileSync(path.join(dir, role + '.json'))).signed.version
  }
  console.log(JSON.stringify(out))
}

main().catch(err => {
  console.error(err.name + ': ' + err.message)
  process.exit(1)
})
