/** @file The panel of a search for similar particles: how similar they must be, how many there are, and the button that adds them. */
import { useEffect } from 'preact/hooks'
import type { Mask } from '../../../../engine/masks/mask'
import { count } from '../state/app'
import { similarity } from '../state/prefs'
import { preview } from '../state/preview'
import { addable, addSimilar, compared, endSearch, search, searched } from '../state/similar'
import { sprite } from '../tools/ink'

const sprites = new WeakMap<Mask, HTMLCanvasElement>()
function spriteOf(mask: Mask): HTMLCanvasElement {
  let canvas = sprites.get(mask)
  if (!canvas) sprites.set(mask, (canvas = sprite(mask, [70, 230, 110], 0.45)))
  return canvas
}

export function Similar() {
  const now = search.value
  const masks = addable.value
  useEffect(() => {
    if (!now) return
    preview.value = masks.map(({ mask }) => ({ mask, canvas: spriteOf(mask) }))
    return () => void (preview.value = [])
  }, [now, masks])
  if (!now) return null
  const { places, done, examples } = now
  const like = examples.length === 1 ? `mask ${examples[0]}` : `${examples.length} masks`
  return (
    <section class="sliders similar" aria-label="Similar particles">
      <p>
        <b>Like {like}</b>
      </p>
      <label title="How similar the mean feature of a mask must be to that of an example: 1 is the same">
        <span>Similarity at least</span>
        <span class="value">{similarity.value.toFixed(2)}</span>
        <input
          type="range"
          min="0"
          max="1"
          step="0.01"
          value={similarity.value}
          onInput={(event) => (similarity.value = Number(event.currentTarget.value))}
        />
      </label>
      <p class="soft" role="status">
        {places === null
          ? `Comparing the image with them${compared.value ? `: ${compared.value.done} of ${compared.value.total} tiles` : ''} …`
          : searched(now)
            ? `${count(masks.length, 'new particle')} found.`
            : `${count(masks.length, 'new particle')}, ${done} of ${count(places.length, 'place')} looked at …`}
      </p>
      <div class="row">
        <button
          type="button"
          class="primary"
          disabled={!masks.length}
          onClick={addSimilar}
          title="One edit: Ctrl+Z undoes it"
        >
          Add {masks.length || ''}
        </button>
        <button type="button" onClick={endSearch} title="Ends the search (Esc)">
          Cancel
        </button>
      </div>
    </section>
  )
}
