/** @file The models that can be downloaded, by a button or by hand, and a field for the address of another. */
import { signal } from '@preact/signals'
import { published } from '../../published'

const address = signal('')

interface Chosen {
  name: string
  urls: string[]
  sha256?: string[]
}

export function PublishedModels({ onChoose }: { onChoose(model: Chosen): void }) {
  const byAddress = () => {
    const name = new URL(address.value).pathname.split('/').at(-1) || 'model'
    onChoose({ name: name.replace(/\.[^.]+$/, ''), urls: [address.value] })
  }
  return (
    <>
      <ul class="lines-of-images models">
        {published.map(({ name, about, size, host, urls, sha256 }) => (
          <li key={name}>
            <span class="name">
              <b>{name}</b> <span class="soft">{about}</span>
            </span>
            <span class="soft">
              {(size / 1e6).toFixed(0)} MB from {host}; by hand:{' '}
              {urls.map((url, i) => (
                <>
                  {i > 0 && ', '}
                  <a href={url} target="_blank" rel="noopener">
                    {urls.length > 1 ? `file ${i + 1}` : 'file'}
                  </a>
                </>
              ))}
            </span>
            <button type="button" aria-label={`Download ${name}`} onClick={() => onChoose({ name, urls, sha256 })}>
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
          <button type="button" disabled={!URL.canParse(address.value)} onClick={byAddress}>
            Download
          </button>
        </li>
      </ul>
      <p class="soft">
        A download is kept in this browser. It is the only request that this page sends anywhere else, and only when you
        press the button; each model has its own licence. A browser may refuse it, because the server does not let other
        pages read its files, as that of GitHub’s releases: then fetch the file by hand and drop it on this page.
      </p>
    </>
  )
}
