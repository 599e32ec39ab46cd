import type { Plugin } from 'esbuild'
import type { Shader, Source } from '../engine/device/shader'

export function loadShader(path: string): Shader
export function reflect(code: string, name: string, sources?: Source[]): Shader
export function wgsl(): Plugin
