/** @file Starts the playground's worker from its file, or from its text where the page itself is a file of the machine. */

const FILE = 'worker.js'

/** What worker.js defines where it is loaded as a script of the page, see scripts/build-page.mjs. */
declare global {
  interface Window {
    wgsamWorker?: () => void
  }
}

/** @throws Error if its file cannot be loaded */
export async function startWorker(): Promise<Worker> {
  if (location.protocol !== 'file:') return new Worker(new URL(FILE, document.baseURI), { name: 'wgsam' })
  // browsers start no worker from a file of the machine, but load it as a script
  if (!window.wgsamWorker) await loadScript()
  const text = new Blob([`(${window.wgsamWorker})()`], { type: 'text/javascript' })
  return new Worker(URL.createObjectURL(text), { name: 'wgsam' })
}

const loadScript = () =>
  new Promise<void>((resolve, reject) => {
    const script = document.createElement('script')
    script.src = FILE
    script.onload = () => resolve()
    script.onerror = () => reject(new Error(`${FILE} could not be loaded: it belongs beside index.html`))
    document.head.append(script)
  })
