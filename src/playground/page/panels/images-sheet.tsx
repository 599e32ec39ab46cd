/** @file The sheet of images: add more, or remove some. */
import { images } from '../../../review/page/state/app'
import { shownState } from '../../../review/page/state/shown-state'
import { count } from '../../../text/count'
import { sheet } from '../state/sheets'
import { addExample, addFiles, removeImage } from '../state/add-files'
import { ChooseFiles } from './choose-files'
import { Sheet } from './sheet'

/** For the browser's window that chooses files. */
export const ACCEPTED_IMAGES = 'image/png,image/jpeg,image/webp,image/bmp,image/tiff,.tif,.tiff'

export function ImagesSheet() {
  const close = () => (sheet.value = null)
  return (
    <Sheet title="Images" close={close}>
      <p>{count(images.value.length, 'image')} in this browser. You can drop further ones anywhere on the page.</p>
      <div class="row">
        <ChooseFiles
          primary
          accept={ACCEPTED_IMAGES}
          onFiles={(files) => {
            close()
            void addFiles(files)
          }}
        >
          Add files
        </ChooseFiles>
        <button
          type="button"
          onClick={() => {
            close()
            void addExample()
          }}
        >
          Add an example
        </button>
      </div>
      <ul class="lines-of-images">
        {images.value.map(({ info, masks, removed, state }) => (
          <li key={info.name}>
            <span class="name">{info.name}</span>
            <span class="soft">
              {info.width} × {info.height}, {count(masks, 'mask')}, {shownState({ masks, removed, state })}
            </span>
            <button type="button" onClick={() => void removeImage(info.name)}>
              Remove
            </button>
          </li>
        ))}
      </ul>
      <p class="soft">Removing an image removes its masks too. Download them first if you need them.</p>
    </Sheet>
  )
}
