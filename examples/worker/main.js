/** @file The page: it makes labelled images, sends them to the worker, and draws the loss that the worker reports. */
const [startButton, stopButton] = document.querySelectorAll('button')
const output = /** @type {HTMLOutputElement} */ (document.querySelector('output'))
const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('canvas'))
const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'))
const query = new URLSearchParams(location.search)

/** An image of bright discs on noise, with a label map: the number of its particle in every pixel. */
function discs(/** @type {number} */ seed) {
  const [width, height] = [96, 80]
  const data = new Uint8ClampedArray(4 * width * height)
  const labels = new Uint16Array(width * height)
  const centres = [1, 2, 3].map((i) => [24 * i + ((seed * i) % 9), 20 + ((13 * i * seed) % 40), 7 + ((seed + i) % 3)])
  for (let p = 0; p < labels.length; p++) {
    const [x, y] = [p % width, Math.floor(p / width)]
    labels[p] = centres.findIndex(([cx, cy, r]) => (x - cx) ** 2 + (y - cy) ** 2 < r * r) + 1
    data.fill((labels[p] ? 170 : 20) + ((p * 7919 * (seed + 1)) % 60), 4 * p, 4 * p + 3)
  }
  return { image: { width, height, data }, labels: { width, height, data: labels } }
}

/** @type {number[]} */
const losses = []

startButton.onclick = () => {
  startButton.disabled = true
  stopButton.disabled = false
  const worker = new Worker(new URL('./train-worker.js', import.meta.url), { type: 'module' })
  worker.onmessage = ({ data }) => {
    if (data.kind === 'step') {
      losses.push(data.loss)
      output.textContent = `step ${data.step} of ${data.totalSteps}, loss ${data.loss.toFixed(3)}`
      drawLosses()
    } else output.textContent = data.text
    stopButton.disabled = data.kind === 'end'
  }
  worker.onerror = ({ message }) => (output.textContent = message)
  stopButton.onclick = () => worker.postMessage({ kind: 'stop' })
  const samples = [1, 2, 3, 4].map(discs)
  const settings = { steps: Number(query.get('steps') ?? 100), rank: Number(query.get('rank') ?? 16) }
  const model = {
    url: new URL(query.get('model') ?? 'model.safetensors', location.href).href,
    config: query.get('config'),
  }
  worker.postMessage({ kind: 'train', model, samples, settings })
}

function drawLosses() {
  context.clearRect(0, 0, canvas.width, canvas.height)
  const most = Math.max(...losses)
  context.beginPath()
  losses.forEach((loss, i) =>
    context.lineTo((canvas.width * i) / Math.max(1, losses.length - 1), canvas.height * (1 - loss / most)),
  )
  context.stroke()
}
