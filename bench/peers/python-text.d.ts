/** @file The type of an imported .py file: its text. */
declare module '*.py' {
  const text: string
  export default text
}
