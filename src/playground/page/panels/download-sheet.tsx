/** @file The sheet of downloads: masks and sizes. */
import { signal } from '@preact/signals'
import { images } from '../../../review/page/state/app'
import { count } from '../../../text/count'
import { downloadAdapter, downloadCoco, downloadCsv, downloadLabels } from '../downloads'
import { sheet } from '../state/sheets'
import { model } from '../state/studio'
import { Sheet } from './sheet'

const acceptedOnly = signal(false)

export function DownloadSheet() {
  const all = images.value
  const accepted = all.filter(({ state }) => state === 'accepted')
  const chosen = acceptedOnly.value ? accepted : all.filter(({ masks }) => masks > 0)
  const names = chosen.map(({ info }) => info.name)
  const masks = chosen.reduce((sum, image) => sum + image.masks, 0)
  return (
    <Sheet title="Download" close={() => (sheet.value = null)}>
      <label class="check">
        <input
          type="checkbox"
          checked={acceptedOnly.value}
          onChange={({ currentTarget }) => (acceptedOnly.value = currentTarget.checked)}
        />
        Only accepted images
      </label>
      <p>
        {count(masks, 'mask')} of {count(names.length, 'image')}.
      </p>
      <div class="row">
        <button type="button" class="primary" disabled={!masks} onClick={() => void downloadCoco(names)}>
          Masks (COCO)
        </button>
        <button type="button" disabled={!masks} onClick={() => void downloadCsv(names)}>
          Sizes (CSV)
        </button>
        <button type="button" disabled={!masks} onClick={() => void downloadLabels(names)}>
          Label images (TIFF)
        </button>
        {model.value?.adapter && (
          <button type="button" onClick={() => void downloadAdapter()}>
            Adapter
          </button>
        )}
      </div>
      <p class="soft">
        COCO annotations and sizes hold all images in one file. A label image has 16 bits, and each particle has its own
        number in it. Sizes are in micrometres where the scale is known: the View panel sets it.
        {model.value?.adapter && ' The adapter is a zip of the files that wgsam and PEFT read.'}
      </p>
    </Sheet>
  )
}
