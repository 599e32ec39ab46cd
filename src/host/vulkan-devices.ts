/**
 * @file The GPUs that Vulkan shows to this process, with what WebGPU does not tell of them: an identity and the place on the PCI bus,
 * by which equal cards differ. The structures are those of vulkan_core.h on 64-bit systems.
 */

export interface VulkanDevice {
  name: string
  type: 'other' | 'integrated' | 'discrete' | 'virtual' | 'processor'
  /** Place on the PCI bus, e.g. 0000:41:00.0; null for a device that has none, or does not tell. */
  pci: string | null
  /** The same in every process, and different for each card of a machine. */
  uuid: string
}

/** VkPhysicalDeviceType */
const TYPES = ['other', 'integrated', 'discrete', 'virtual', 'processor'] as const
/** VkStructureType */
const [APPLICATION, INSTANCE] = [0, 1]
const [PROPERTIES_2, IDENTITY, PCI_BUS] = [1000059001, 1000071004, 1000212000]
const VULKAN_1_1 = (1 << 22) | (1 << 12)
/** Bytes of VkExtensionProperties, which begin with a name of at most 256. */
const EXTENSION = 260
/** Where the fields of VkPhysicalDeviceProperties begin in VkPhysicalDeviceProperties2, and the bytes of both. */
const [FIELDS, PROPERTIES_BYTES] = [16, 16 + 824]

type Call = (...args: unknown[]) => number

/** The devices in Vulkan's order; null without Vulkan on Linux, or without the optional package koffi. */
export async function listVulkanDevices(): Promise<VulkanDevice[] | null> {
  if (process.platform !== 'linux') return null
  try {
    const { load, address } = await import('koffi')
    const library = load('libvulkan.so.1')
    const create = library.func('int vkCreateInstance(void *, void *, void *)') as Call
    const destroy = library.func('void vkDestroyInstance(intptr_t, void *)') as Call
    const enumerate = library.func('int vkEnumeratePhysicalDevices(intptr_t, void *, void *)') as Call
    const describe = library.func('void vkGetPhysicalDeviceProperties2(intptr_t, void *)') as Call
    const extensions = library.func(
      'int vkEnumerateDeviceExtensionProperties(intptr_t, void *, void *, void *)',
    ) as Call

    const application = block(48, APPLICATION)
    application.setUint32(44, VULKAN_1_1, true)
    const info = block(64, INSTANCE)
    info.setBigUint64(24, address(application), true)
    const instance = new BigInt64Array(new ArrayBuffer(8))
    if (create(info, null, instance)) return null
    try {
      const count = new Uint32Array(new ArrayBuffer(4))
      enumerate(instance[0], count, null)
      const handles = new BigInt64Array(new ArrayBuffer(8 * count[0]))
      enumerate(instance[0], count, handles)
      const hasPlace = (device: bigint): boolean => {
        const known = new Uint32Array(new ArrayBuffer(4))
        extensions(device, null, known, null)
        const names = Buffer.from(new ArrayBuffer(EXTENSION * known[0]))
        extensions(device, null, known, names)
        return names.includes('VK_EXT_pci_bus_info\0')
      }
      return [...handles.subarray(0, count[0])].map((device): VulkanDevice => {
        const [place, identity, all] = [block(32, PCI_BUS), block(80, IDENTITY), block(PROPERTIES_BYTES, PROPERTIES_2)]
        const placed = hasPlace(device)
        if (placed) identity.setBigUint64(8, address(place), true)
        all.setBigUint64(8, address(identity), true)
        describe(device, all)
        const [domain, bus, slot, part] = [16, 20, 24, 28].map((at) => place.getUint32(at, true))
        return {
          name: text(all, FIELDS + 20, 256),
          type: TYPES[all.getUint32(FIELDS + 16, true)] ?? 'other',
          pci: placed ? `${hex(domain, 4)}:${hex(bus, 2)}:${hex(slot, 2)}.${part}` : null,
          uuid: Buffer.from(identity.buffer, 16, 16).toString('hex'),
        }
      })
    } finally {
      destroy(instance[0], null)
    }
  } catch {
    return null
  }
}

/** A structure of zeros, whose first field is its type, in memory whose address does not change. */
function block(bytes: number, type: number): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(bytes))
  view.setUint32(0, type, true)
  return view
}

const text = ({ buffer }: DataView<ArrayBuffer>, at: number, most: number): string =>
  Buffer.from(buffer, at, most).toString().split('\0')[0]

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
