/** @file What a person can do about each kind of failure. */
import { messageOf } from '../../host/errors'
import type { Failure } from '../calls'
import { WorkError } from './worker-client'

const insecure = () =>
  isSecureContext
    ? []
    : ['This page was opened by http from another machine. Browsers offer WebGPU to https and localhost only.']

const advice: Record<Failure, () => string[]> = {
  'no WebGPU': () => [
    ...insecure(),
    'Use a browser with WebGPU: Chrome or Edge from version 113, Safari from 26, Firefox from 141 on Windows.',
    'On Linux, Chrome may need chrome://flags/#enable-unsafe-webgpu.',
    'Without WebGPU you can still look at images, and draw masks by brush and lasso.',
  ],
  'no adapter': () => [
    'Switch on “Use graphics acceleration when available” in the browser’s settings, and restart it.',
    'Install the current driver of the graphics card.',
    'The browser may block this card: chrome://gpu says why. On Linux, chrome://flags/#enable-unsafe-webgpu allows more cards.',
    'You can still look at images, and draw masks by brush and lasso.',
  ],
  'weak adapter': () => [
    'Use a machine with a newer graphics card, or switch the browser to the faster of two cards in the settings of the system.',
    'You can still look at images, and draw masks by brush and lasso.',
  ],
  'training too large': () => [
    'Allow the training more memory, if the graphics card has it.',
    'Choose a lower rank, or load the model with a smaller input size: half the side takes about a quarter of the memory.',
  ],
  'out of memory': () => [
    'Close other tabs and programs that use the graphics card.',
    'Choose a smaller input size with the model: half the side takes about a quarter of the memory.',
    'Use a smaller model, such as one with a TinyViT encoder.',
  ],
  'device lost': () => [
    'The driver was reset, or the computer slept. Your masks are saved.',
    'Try it again: the model is loaded on a new device. A training continues from its last checkpoint (Train).',
    'If it happens again, choose a smaller input size: the driver stops work that takes too long.',
  ],
  input: () => [],
  stopped: () => [],
  other: () => ['Reload the page: images, masks and model are kept.'],
}

/** The text of an error, and what to do about it. */
export function explain(error: unknown): { text: string; advice: string[] } {
  const text = messageOf(error)
  if (/cannot be reached/.test(text))
    return {
      text,
      advice: [
        'You may be offline, or that server does not let other pages read its files: GitHub’s releases, for example, do not.',
        'Download the file by hand: open its address in a new tab. Then drop the file on this page, or choose it under Model.',
      ],
    }
  if (/the server answers \d/.test(text))
    return {
      text,
      advice: [
        'Check the address: open it in a new tab. If it needs a login, download the file there, and drop it on this page.',
      ],
    }
  // names of files and addresses stay as they are
  const sentence = /^[a-z]+ /.test(text) ? text[0].toUpperCase() + text.slice(1) : text
  return { text: sentence, advice: error instanceof WorkError ? advice[error.kind]() : [] }
}
