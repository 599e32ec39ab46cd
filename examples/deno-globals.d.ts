/** @file What examples/deno.ts uses of Deno, for TypeScript outside Deno. */
declare const Deno: {
  readonly args: string[]
  readFile(path: string): Promise<Uint8Array<ArrayBuffer>>
  readTextFile(path: string): Promise<string>
  exit(code: number): never
}
