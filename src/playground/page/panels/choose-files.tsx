/** @file A button that opens the browser's window for choosing files. */
import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'

export interface ChooseFilesProps {
  /** The kinds of files that are offered first. */
  accept: string
  primary?: boolean
  onFiles(files: File[]): void
  children: ComponentChildren
}

export function ChooseFiles({ accept, primary, onFiles, children }: ChooseFilesProps) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <button type="button" class={primary ? 'primary' : ''} onClick={() => input.current?.click()}>
        {children}
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        accept={accept}
        onChange={({ currentTarget }) => {
          const files = [...(currentTarget.files ?? [])]
          // the same file can be chosen again
          currentTarget.value = ''
          if (files.length) onFiles(files)
        }}
      />
    </>
  )
}
