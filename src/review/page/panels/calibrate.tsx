/** @file The form of the scale: how long the line along the scale bar is, and for which images. */
import { signal } from '@preact/signals'
import { messageOf } from '../../../host/errors'
import { units } from '../../../measure/units'
import { api } from '../api'
import { count, images, refresh } from '../state/app'
import type { ImageSession } from '../state/image-session'
import { notify } from '../state/notices'
import { pixelSize } from '../state/scale'
import { chooseTool, toolName } from '../tools'
import { barLine, lineLength, proposed } from '../tools/ruler'
import { metresText } from './round-length'

type UnitName = 'nm' | 'um' | 'mm'

const typed = signal('')
const unitName = signal<UnitName>('um')
const all = signal(true)
const busy = signal(false)

/** Images of the same size for which the same was recorded: made at the same magnification, as far as is known. */
function alike({ info }: ImageSession): string[] {
  const own = images.value.find((image) => image.info.name === info.name)?.info ?? info
  const recorded = own.pixelSize?.metres
  return images.value
    .filter(
      ({ info: other, problem }) =>
        !problem &&
        other.width === own.width &&
        other.height === own.height &&
        other.croppedBottom === own.croppedBottom &&
        other.pixelSize?.metres === recorded,
    )
    .map(({ info: other }) => other.name)
}

async function save(names: string[], size: { metres: number; from: string } | null): Promise<void> {
  busy.value = true
  try {
    await api.setPixelSize({ images: names, size })
    await refresh()
    notify(
      'note',
      size
        ? `A pixel is ${metresText(size.metres)} in ${count(names.length, 'image')}. wgsam measure uses it.`
        : `The measured pixel size of ${count(names.length, 'image')} is forgotten.`,
    )
    chooseTool('select')
  } catch (error) {
    notify('error', `The scale could not be saved: ${messageOf(error)}`)
  } finally {
    busy.value = false
  }
}

export function Calibrate({ session }: { session: ImageSession }) {
  if (toolName.value !== 'calibrate') return null
  const line = barLine.value
  const pixels = line ? lineLength(line) : 0
  const value = Number(typed.value.replace(',', '.'))
  const metres = pixels > 0 && value > 0 ? (value * units[unitName.value].metres) / pixels : NaN
  const plausible = metres >= 1e-12 && metres <= 1e-3
  const same = alike(session)
  const names = all.value ? same : [session.name]
  const known = pixelSize.value
  const shownUnit = units[unitName.value].shown
  return (
    <form
      class="calibrate"
      aria-label="Scale"
      onSubmit={(event) => {
        event.preventDefault()
        if (plausible)
          void save(names, { metres, from: `scale bar: ${value} ${shownUnit} are ${pixels.toFixed(1)} pixels` })
      }}
    >
      <p>
        {!line
          ? 'Drag along the scale bar.'
          : proposed.value
            ? 'Is this the scale bar? If not, drag along it.'
            : 'How long is this line?'}
      </p>
      <div class="row">
        <label>
          {line ? `${pixels.toFixed(1)} px = ` : ''}
          <input
            type="text"
            inputMode="decimal"
            aria-label="Length of the scale bar"
            placeholder="1"
            value={typed.value}
            onInput={(event) => (typed.value = event.currentTarget.value)}
            aria-invalid={typed.value !== '' && !(value > 0)}
          />
        </label>
        <select
          aria-label="Unit"
          value={unitName.value}
          onChange={(event) => (unitName.value = event.currentTarget.value as UnitName)}
        >
          {(['nm', 'um', 'mm'] as const).map((name) => (
            <option value={name}>{units[name].shown}</option>
          ))}
        </select>
        <button type="submit" class="primary" disabled={!plausible || busy.value}>
          Save
        </button>
        <button type="button" onClick={() => chooseTool('select')}>
          Cancel
        </button>
      </div>
      <p class="soft">
        {plausible
          ? `A pixel is ${metresText(metres)}.`
          : metres > 0
            ? 'A pixel is between 1 pm and 1 mm: check the number and the unit.'
            : known
              ? `Now a pixel is ${metresText(known.metres)} (${known.from}).`
              : 'The size of a pixel is not known yet.'}
      </p>
      {same.length > 1 && (
        <label class="check">
          <input type="checkbox" checked={all.value} onChange={(event) => (all.value = event.currentTarget.checked)} />
          For all {same.length} images of this size {known ? 'and pixel size' : 'without a pixel size'}
        </label>
      )}
      {known?.from.startsWith('scale bar') && (
        <button type="button" disabled={busy.value} onClick={() => void save(names, null)}>
          Forget the measured size
        </button>
      )}
    </form>
  )
}
