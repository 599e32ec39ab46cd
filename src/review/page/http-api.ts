/** @file The review page's requests to its server. Paths are relative to the page's own address, which contains the token. */
import type { ReviewApi } from '../review-api'
import { json, request } from './request'

const image = (name: string) => `images/${encodeURIComponent(name)}`

export const httpApi: ReviewApi = {
  session: () => json('session'),
  images: () => json('images'),
  pixels: async (name, signal) => (await request(`${image(name)}/pixels`, undefined, signal)).blob(),
  infoBar: async (name) => (await request(`${image(name)}/info-bar`)).blob(),
  classes: () => json('classes'),
  setClasses: (classes) => json('classes', classes),
  acceptedSizes: () => json('accepted-sizes'),
  setPixelSize: (size) => json('pixel-size', size),
  document: (name, signal) => json(`${image(name)}/document`, undefined, signal),
  log: (name, after) => json(`${image(name)}/log?after=${after}`),
  candidates: (name) => json(`${image(name)}/candidates`),
  act: (name, action) => json(`${image(name)}/actions`, action),
  encode: (name, next, signal) => json(`${image(name)}/encode`, next, signal),
  prompt: (name, prompt, signal) => json(`${image(name)}/prompt`, prompt, signal),
  similar: (name, examples, signal) => json(`${image(name)}/similar`, examples, signal),
  similarMasks: (name, places, signal) => json(`${image(name)}/similar-masks`, places, signal),
  busy: () => json('busy'),
  export: () => json('export', {}),
}
