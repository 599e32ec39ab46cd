/** @file `wgsam review`: a page in the browser to inspect, correct and accept an image folder's masks. */
import { resolve } from 'node:path'
import { interruption } from '../host/interrupt'
import { Progress } from '../host/progress'
import { pageFolder, readAssets } from '../review/assets'
import { ReviewFolder } from '../review/folder'
import { serve } from '../review/server'
import { type Command, number } from './command'

export const command: Command = {
  name: 'review',
  summary: 'inspect, correct and accept masks in a page of the browser; make a dataset of them',
  usage: 'DIR [--model NAME] [--adapter DIR] [options]',
  positionals: [1, 1],
  options: {
    port: { type: 'string', value: 'NUMBER', default: '0', description: 'port on 127.0.0.1; 0 takes a free one' },
    'no-model': { type: 'boolean', description: 'edit without a model: no adding by points and boxes' },
  },
  async run(values, [dir]) {
    const port = number(values, 'port', { min: 0, max: 65535, integer: true })!
    const assets = await readAssets(pageFolder())
    const reading = new Progress('reading masks', undefined)
    const folder = await ReviewFolder.open(resolve(dir), (done, total) => reading.update(done, '', total))
    const asked = interruption(() => console.error('\nending'))
    try {
      const server = await serve({ folder, session: null, assets, port, log: (line) => console.error(line) })
      console.log(`review ${dir} at ${server.url}`)
      await asked.signal
      await server.close()
    } finally {
      asked.dispose()
      await folder.close()
    }
  },
}
