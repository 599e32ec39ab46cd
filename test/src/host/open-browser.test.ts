/** @file Opening an address in a browser, where that fails: the person is told to copy it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { chmodSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { openInBrowser } from '../../../src/host/open-browser'
import { put, scratch } from '../../support/files'
import { testNeeding } from '../../support/needs'

const testOnLinux = testNeeding('platform', process.platform === 'linux' ? null : 'xdg-open is a program of Linux')
const { PATH } = process.env
const { error } = console

/** What is printed until a line comes, with this folder as the search path. */
async function said(path: string): Promise<string> {
  process.env.PATH = path
  const line = new Promise<string>((done) => (console.error = done))
  openInBrowser('http://127.0.0.1:1/')
  // the process that is started does not keep this one alive
  const alive = setInterval(() => {}, 1000)
  return line.finally(() => clearInterval(alive))
}

test.after.each(() => {
  process.env.PATH = PATH
  console.error = error
})

testOnLinux('a program that fails, and one that is missing', async () => {
  const dir = scratch()
  chmodSync(put(join(dir, 'xdg-open'), '#!/bin/sh\nexit 3\n'), 0o755)
  assert.is(await said(dir + delimiter + PATH), 'no browser could be opened: copy the address')
  assert.is(await said(scratch()), 'no browser could be opened: copy the address')
})

test.run()
