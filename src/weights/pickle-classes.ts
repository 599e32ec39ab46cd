/**
 * @file Classes and functions that training scripts leave beside the weights in a checkpoint: numbers and types of numpy, paths,
 * settings, dates. Their objects mean nothing here: they become `Opaque`, and nothing of theirs runs.
 */

const exact = new Set([
  '_codecs.encode',
  'argparse.Namespace',
  'collections.Counter',
  'collections.defaultdict',
  'collections.deque',
  'copy_reg._reconstructor',
  'copyreg._reconstructor',
  'datetime.date',
  'datetime.datetime',
  'datetime.time',
  'datetime.timedelta',
  'datetime.timezone',
  'decimal.Decimal',
  'fractions.Fraction',
  'numpy.dtype',
  'numpy.ndarray',
  'numpy.random._pickle.__generator_ctor',
  'numpy.random._pickle.__bit_generator_ctor',
  'numpy.random._pickle.__randomstate_ctor',
  'numpy.random.mtrand.RandomState',
  'torch.Generator',
  'torch.device',
  'torch.serialization._get_layout',
  'types.SimpleNamespace',
  'typing.Any',
  'typing.Union',
  'uuid.UUID',
])

const patterns = [
  // values and types of Python; __builtin__ in the pickles of torch.save
  /^(?:builtins|__builtin__)\.(?:bool|bytearray|bytes|complex|dict|float|frozenset|int|list|long|object|range|set|slice|str|tuple|unicode|xrange)$/,
  /^numpy\._?core\.(?:multiarray|numeric|_multiarray_umath)\.(?:scalar|_reconstruct|_frombuffer)$/,
  /^numpy\.(?:dtypes\.\w+|bool_?|str_|u?int(?:8|16|32|64)|float(?:16|32|64))$/,
  /^pathlib(?:\._local)?\.(?:Pure)?(?:Posix|Windows)?Path$/,
  /^torch\.(?:b?float(?:16|32|64)?|half|double|u?int(?:8|16|32|64)|short|long|bool|complex(?:32|64|128)|qu?int\d+|float8_\w+)$/,
  /^torch\.(?:contiguous_format|channels_last|preserve_format|strided)$/,
  /^omegaconf\.(?:\w+\.)*\w+$/,
  // dictionaries with attributes
  /^(?:pytorch_)?lightning(?:\.\w+)*\.AttributeDict$/,
  /^lightning_(?:fabric|utilities)(?:\.\w+)*\.AttributeDict$/,
  /^(?:easydict\.EasyDict|addict\.addict\.Dict|munch\.Munch|box\.box\.Box|yacs\.config\.CfgNode)$/,
  /^(?:mmcv|mmengine)(?:\.\w+)*\.ConfigDict$/,
  /^(?:fvcore|detectron2)(?:\.\w+)*\.CfgNode$/,
  /^ml_collections(?:\.\w+)*\.(?:Frozen)?ConfigDict$/,
]

/** True if objects of this class, or results of this function, are data that weights do not depend on. */
export const isHarmless = (name: string): boolean => exact.has(name) || patterns.some((pattern) => pattern.test(name))
