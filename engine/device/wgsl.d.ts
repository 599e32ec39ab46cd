/** @file The type of an imported .wgsl file: its text and the reflection data of the build (scripts/wgsl-plugin.mjs). */
declare module '*.wgsl' {
  const shader: import('./shader').Shader
  export default shader
}
