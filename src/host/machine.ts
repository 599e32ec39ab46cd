/** @file Facts about this machine, and advice on what to install if it has no WebGPU adapter. */
import { execFile } from 'node:child_process'
import { readFile, readdir } from 'node:fs/promises'
import { promisify } from 'node:util'

export interface System {
  platform: NodeJS.Platform
  arch: string
  node: string
  /** Fields of /etc/os-release; empty except on Linux. */
  os: { id: string; version: string; codename: string; name: string; like: string }
  /** Version of Mesa's Vulkan drivers, if dpkg or rpm reports it. */
  mesa: string | null
  /** Vendors of the display devices on the PCI bus; Linux only. */
  gpus: string[]
}

/** First major version whose software driver has everything that Dawn requires. Dawn refuses the 22.3 of Debian 12. */
const MIN_MESA = 24

const SWIFTSHADER =
  'If you cannot install system packages: `wgsam doctor --install` downloads SwiftShader, a slower software adapter (7 MB), into the cache folder.'

const VENDORS: Record<string, string> = { '0x10de': 'NVIDIA', '0x1002': 'AMD', '0x8086': 'Intel' }

export async function inspectSystem(): Promise<System> {
  const release = process.platform === 'linux' ? await readFile('/etc/os-release', 'utf8').catch(() => '') : ''
  return {
    platform: process.platform,
    arch: process.arch,
    node: process.version,
    os: parseOsRelease(release),
    mesa: process.platform === 'linux' ? await mesaVersion() : null,
    gpus: process.platform === 'linux' ? await pciDisplays() : [],
  }
}

/** The text of /etc/os-release (`KEY="value"` lines). */
export function parseOsRelease(text: string): System['os'] {
  const fields = Object.fromEntries(
    [...text.matchAll(/^(\w+)=["']?(.*?)["']?\s*$/gm)].map(([, key, value]) => [key, value]),
  )
  return {
    id: fields.ID ?? '',
    version: fields.VERSION_ID ?? '',
    codename: fields.VERSION_CODENAME ?? '',
    name: fields.PRETTY_NAME ?? '',
    like: fields.ID_LIKE ?? '',
  }
}

async function mesaVersion(): Promise<string | null> {
  const ask = async (program: string, ...args: string[]) =>
    (await promisify(execFile)(program, args).catch(() => null))?.stdout.trim() || null
  return (
    (await ask('dpkg-query', '-W', '-f', '${Version}', 'mesa-vulkan-drivers')) ??
    (await ask('rpm', '-q', '--qf', '%{VERSION}', 'mesa-vulkan-drivers'))
  )
}

async function pciDisplays(): Promise<string[]> {
  const root = '/sys/bus/pci/devices'
  const read = (device: string, file: string) => readFile(`${root}/${device}/${file}`, 'utf8').catch(() => '')
  const vendors = await Promise.all(
    (await readdir(root).catch(() => [])).map(async (device) =>
      // class 0x03....: display controllers
      (await read(device, 'class')).startsWith('0x03') ? VENDORS[(await read(device, 'vendor')).trim()] : undefined,
    ),
  )
  return [...new Set(vendors.filter((v): v is string => v !== undefined))]
}

/** What to do if no adapter is found: one step per line, the likeliest first. */
export function advice(system: System): string[] {
  if (system.platform === 'darwin')
    return [
      'WebGPU uses Metal on this system: it needs macOS 12 or later and a session with access to the GPU (some virtual machines have none).',
    ]
  if (system.platform === 'win32')
    return [
      "WebGPU uses Direct3D 12 on this system: update Windows and the GPU's driver from its vendor (NVIDIA, AMD or Intel).",
    ]
  const { os, mesa, gpus } = system
  const debian = os.id === 'debian' || os.id === 'ubuntu' || /debian|ubuntu/.test(os.like)
  const software = system.arch === 'x64' ? [SWIFTSHADER] : []
  const steps: string[] = []
  if (gpus.includes('NVIDIA'))
    steps.push(
      'NVIDIA GPU found: install its driver with the Vulkan part (nvidia-driver and libvulkan1, or your distribution’s names for them). ' +
        'In a container, pass the GPU in with NVIDIA_DRIVER_CAPABILITIES=all.',
    )
  if (gpus.includes('AMD') || gpus.includes('Intel'))
    steps.push(
      `${gpus.filter((g) => g !== 'NVIDIA').join(' and ')} GPU found: its Vulkan driver is Mesa's; the user must be allowed to open /dev/dri/renderD128 (group render).`,
    )
  if (mesa && parseInt(mesa) >= MIN_MESA)
    return [
      ...steps,
      `Mesa ${mesa} is installed and new enough: check whether the environment variables VK_ICD_FILENAMES and ` +
        'VK_DRIVER_FILES hide its drivers, and what `vulkaninfo --summary` prints.',
      ...software,
    ]
  if (mesa)
    steps.push(
      `Mesa ${mesa} is installed but too old: Dawn refuses its drivers because they lack features such as ` +
        `shaderUniformBufferArrayDynamicIndexing; Mesa ${MIN_MESA} or later has them.`,
    )
  if (os.id === 'debian' && parseInt(os.version) <= 12)
    steps.push(
      `Debian ${os.version}: enable ${os.codename || 'bookworm'}-backports, then ` +
        `apt-get install -t ${os.codename || 'bookworm'}-backports mesa-vulkan-drivers libvulkan1`,
    )
  else if (os.id === 'ubuntu' && parseFloat(os.version) < 24.04)
    steps.push(`The Mesa of Ubuntu ${os.version} is too old: upgrade to 24.04 or later, or use SwiftShader (below).`)
  else if (debian) steps.push('apt-get install mesa-vulkan-drivers libvulkan1')
  else if (os.id === 'fedora' || /fedora|rhel/.test(os.like))
    steps.push('dnf install mesa-vulkan-drivers vulkan-loader')
  else if (os.id === 'arch' || /arch/.test(os.like)) steps.push('pacman -S vulkan-icd-loader vulkan-swrast')
  else steps.push(`install the Vulkan loader and Mesa's Vulkan drivers, ${MIN_MESA} or later, from your distribution`)
  return [...steps, ...software]
}
