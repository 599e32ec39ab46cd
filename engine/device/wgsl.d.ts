/** What importing a .wgsl file gives: its text and what the build read from it (scripts/wgsl-plugin.mjs). */
declare module '*.wgsl' {
  const shader: import('./shader').Shader
  export default shader
}
