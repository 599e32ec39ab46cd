/**
 * @file A Vulkan driver that shows three equal cards and cannot compute: enough for programs that list devices. The loader and the layers
 * of the system work with it as with every driver. Built by test/src/host/choose-card.test.ts; structures are those of vulkan_core.h.
 */
#include <stdint.h>
#include <string.h>

#define CARDS 3
#define MAGIC 0x01CDC0DE /* what the loader expects in a dispatchable object */

typedef void (*function)(void);
typedef struct { uintptr_t loader; int number; } object;
typedef struct { uint32_t type; void *next; uint32_t values[64]; } structure;
typedef struct { char name[256]; uint32_t version; } extension;
typedef struct { uint32_t api, driver, vendor, device, kind; char name[256]; uint8_t cache[16]; } properties;

static object instance = {MAGIC, 0};
static object cards[CARDS] = {{MAGIC, 0}, {MAGIC, 1}, {MAGIC, 2}};

static int create(const void *info, const void *memory, object **out) { *out = &instance; return 0; }
static void nothing(void) {}

static int enumerate(object *from, uint32_t *count, object **out) {
  if (out) for (uint32_t i = 0; i < *count && i < CARDS; i++) out[i] = &cards[i];
  if (!out || *count > CARDS) *count = CARDS;
  return 0;
}

static void describe(object *card, properties *out) {
  out->api = (1u << 22) | (3u << 12);
  out->driver = 1;
  out->vendor = 0x10de;
  out->device = 0x2330;
  out->kind = 2;
  strcpy(out->name, "Equal Card");
}

static void describe_more(object *card, structure *out) {
  describe(card, (properties *)out->values);
  for (structure *s = out->next; s; s = s->next) {
    if (s->type == 1000071004) ((uint8_t *)s->values)[0] = (uint8_t)(1 + card->number);
    if (s->type == 1000212000) {
      s->values[0] = 0;
      s->values[1] = 0x41u + 0x40u * (uint32_t)card->number;
      s->values[2] = s->values[3] = 0;
    }
  }
}

static int device_extensions(object *card, const char *layer, uint32_t *count, extension *out) {
  if (out && *count) { strcpy(out[0].name, "VK_EXT_pci_bus_info"); out[0].version = 2; }
  *count = 1;
  return 0;
}

static int no_extensions(const char *layer, uint32_t *count, extension *out) { *count = 0; return 0; }
static int version(uint32_t *out) { *out = (1u << 22) | (3u << 12); return 0; }
static void families(object *card, uint32_t *count, void *out) { *count = 0; }

function vk_icdGetInstanceProcAddr(void *from, const char *name) {
  static const struct { const char *name; function call; } known[] = {
      {"vkCreateInstance", (function)create},
      {"vkEnumeratePhysicalDevices", (function)enumerate},
      {"vkGetPhysicalDeviceProperties", (function)describe},
      {"vkGetPhysicalDeviceProperties2", (function)describe_more},
      {"vkGetPhysicalDeviceProperties2KHR", (function)describe_more},
      {"vkEnumerateDeviceExtensionProperties", (function)device_extensions},
      {"vkEnumerateInstanceExtensionProperties", (function)no_extensions},
      {"vkEnumerateInstanceVersion", (function)version},
      {"vkGetPhysicalDeviceQueueFamilyProperties", (function)families},
  };
  for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
    if (!strcmp(known[i].name, name)) return known[i].call;
  return strncmp(name, "vkEnumerate", 11) ? nothing : 0;
}

function vk_icdGetPhysicalDeviceProcAddr(void *from, const char *name) { return vk_icdGetInstanceProcAddr(from, name); }

int vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *wanted) {
  if (*wanted > 5) *wanted = 5;
  return 0;
}
