import type { Plugin } from 'esbuild'
import type { Shader } from '../engine/device/shader'

export function reflect(code: string, name: string): Shader
export function wgsl(): Plugin
