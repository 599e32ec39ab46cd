/** @file The little that is used of the optional package koffi, so that the types are also checked where it is not installed. */
declare module 'koffi' {
  export interface LibraryHandle {
    /** A function of C from its declaration. */
    func(declaration: string): (...args: unknown[]) => unknown
    /** The address of an exported symbol. @throws Error if there is none of this name */
    symbol(name: string): unknown
  }
  /** Opens a shared library; null is the program itself. `global`: its symbols are visible to libraries that are loaded later. */
  export function load(path: string | null, options?: { global?: boolean }): LibraryHandle
  /** Where the memory of a typed array or view begins. */
  export function address(value: ArrayBufferView): bigint
}
