/** @file The View panel: contrast of the image and appearance of the masks. */
import type { Signal } from '@preact/signals'
import { plainLevels } from '../image/display-image'
import { commands, titleOf } from '../commands'
import {
  coverage,
  equalise,
  hidden,
  hoverPreview,
  infoBarShown,
  keepClear,
  localContrast,
  numbers,
  oneClick,
  opacity,
  scaleBarShown,
  stretch,
  style,
  tidy,
} from '../state/prefs'
import { pixelSize } from '../state/scale'
import { metresText } from './round-length'
import type { ImageSession } from '../state/image-session'

function Check({ of, children, title }: { of: Signal<boolean>; children: string; title: string }) {
  return (
    <label class="check" title={title}>
      <input type="checkbox" checked={of.value} onChange={(event) => (of.value = event.currentTarget.checked)} />
      {children}
    </label>
  )
}

export function Look({ session }: { session: ImageSession }) {
  const { picture, owners, info } = session
  void session.version.value
  const levels = picture.levels.value
  const set = (change: Partial<typeof levels>) => {
    const next = { ...levels, ...change }
    // black stays below white, whichever of the two is moved
    if (next.black >= next.white) {
      if (change.black !== undefined) next.white = Math.min(255, next.black + 1)
      else next.black = Math.max(0, next.white - 1)
    }
    picture.setLevels(next)
  }
  const range = (label: string, value: number, min: number, max: number, step: number, to: (value: number) => void) => (
    <label key={label}>
      <span>{label}</span>
      <span class="value">{step < 1 ? value.toFixed(2) : value}</span>
      <input
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        onInput={(event) => to(Number(event.currentTarget.value))}
      />
    </label>
  )
  const pixels = info.width * info.height
  const known = pixelSize.value
  return (
    <section class="look" aria-label="View">
      <h2>Contrast</h2>
      {range('Black', levels.black, 0, 254, 1, (black) => set({ black }))}
      {range('White', levels.white, 1, 255, 1, (white) => set({ white }))}
      {range('Gamma', levels.gamma, 0.3, 3, 0.05, (gamma) => set({ gamma }))}
      <Check of={stretch} title="Stretches the contrast of each image when it is opened">
        Auto contrast for every image
      </Check>
      <div class="row">
        <button
          type="button"
          onClick={() => picture.setLevels(picture.stretched())}
          title="The darkest and the brightest 0.5 % of pixels become black and white"
        >
          Auto contrast
        </button>
        <button type="button" onClick={() => picture.setLevels(plainLevels)}>
          Reset
        </button>
      </div>
      <Check
        of={equalise}
        title="Equalises the contrast of each part of a gray image (CLAHE), for all images; masks and measures do not change"
      >
        Local contrast (CLAHE)
      </Check>
      {equalise.value && range('At most', localContrast.value, 1.5, 8, 0.5, (value) => (localContrast.value = value))}
      <h2>Masks</h2>
      <div class="row" role="radiogroup" aria-label="Style of masks">
        {(['fill', 'outline'] as const).map((name) => (
          <button
            type="button"
            role="radio"
            aria-checked={style.value === name}
            class={style.value === name ? 'on' : ''}
            onClick={() => (style.value = name)}
          >
            {name === 'fill' ? 'Filled' : 'Outlines'}
          </button>
        ))}
      </div>
      {range('Opacity', opacity.value, 0.05, 1, 0.05, (value) => (opacity.value = value))}
      <Check of={hidden} title={commands.hide.label}>
        Hide masks (Q)
      </Check>
      <Check of={numbers} title={commands.numbers.label}>
        Mask numbers (N)
      </Check>
      <Check of={coverage} title={commands.coverage.label}>
        Uncovered area (U)
      </Check>
      <h2>Drawing</h2>
      <Check of={keepClear} title="Brush strokes and outlines leave out pixels of other masks">
        Avoid overlaps
      </Check>
      <Check
        of={tidy}
        title="Masks from points and boxes: fills holes, and drops parts smaller than a quarter of the largest"
      >
        Clean up the model’s masks
      </Check>
      <h2>Point tool</h2>
      <Check of={oneClick} title="Otherwise a click shows the model’s mask, more clicks correct it, and Enter takes it">
        One click takes the mask (Shift+T)
      </Check>
      <Check of={hoverPreview} title="With one click: shows the model’s mask under the pointer before you click">
        Preview under the pointer
      </Check>
      <h2>Scale</h2>
      <div class="row">
        <button type="button" title={titleOf(commands.calibrate)} onClick={commands.calibrate.run}>
          {known ? 'Measure the scale again' : 'Set the scale'}
        </button>
      </div>
      <Check of={scaleBarShown} title="A bar with a round length in the corner of the canvas">
        Scale bar
      </Check>
      {info.croppedBottom > 0 && (
        <Check
          of={infoBarShown}
          title="Shows below the image what the microscope wrote there; it is no part of the image"
        >
          Info bar
        </Check>
      )}
      <h2>Image</h2>
      <dl>
        <dt>Size</dt>
        <dd>
          {info.width} × {info.height}
        </dd>
        <dt>Covered</dt>
        <dd>{((100 * owners.covered) / pixels).toFixed(1)} %</dd>
        <dt>Pixel size</dt>
        <dd title={known?.from}>{known ? metresText(known.metres) : 'unknown'}</dd>
        <dt>Source</dt>
        <dd class="path">
          {info.source}
          {info.page ? `, page ${info.page + 1}` : ''}
        </dd>
      </dl>
    </section>
  )
}
