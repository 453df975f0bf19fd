// SPDX-License-Identifier: MIT
// The four files of MNIST, packed with gzip or not: IDX, as examples/mnist reads it.
'use strict';

const MNIST = ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte', 't10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'];

async function unpack(bytes, name) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  if (typeof DecompressionStream === 'undefined') throw new Error(`${name}: this browser cannot unpack gzip; unpack it first`);
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new Error(`${name}: the gzip data is damaged or cut off`);
  }
}

// {images: values} or {labels: values} of an IDX file.
function readIdx(bytes, name) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const rank = bytes.length >= 4 && view.getUint16(0) === 0 && bytes[2] === 8 ? bytes[3] : 0;
  const head = 4 + 4 * rank;
  if ((rank !== 1 && rank !== 3) || bytes.length < head)
    throw new Error(`${name} is not a file of MNIST; expected ${MNIST.slice(0, 3).join(', ')} and ${MNIST[3]}, packed with gzip or not`);
  const shape = Array.from({length: rank}, (_, i) => view.getUint32(4 + 4 * i));
  const values = bytes.subarray(head), expected = shape.reduce((product, length) => product * length);
  if (rank === 3 && (shape[1] !== 28 || shape[2] !== 28))
    throw new Error(`${name}: its images have ${shape[1]} x ${shape[2]} pixels; expected 28 x 28`);
  if (shape[0] < 1 || values.length !== expected)
    throw new Error(`${name}: it has ${values.length} values; its header says ${expected}`);
  if (rank === 1) {
    const wrong = values.findIndex((label) => label > 9);
    if (wrong >= 0) throw new Error(`${name}: label ${wrong} is ${values[wrong]}; expected 0 to 9`);
  }
  return rank === 3 ? {images: values} : {labels: values};
}

// {train: {images, labels}, test: {images, labels}}
async function readMnist(files) {
  const sets = {train: {}, test: {}};
  for (const file of files) {
    const set = /t10k|test/i.test(file.name) ? 'test' : 'train';
    const part = readIdx(await unpack(new Uint8Array(await file.arrayBuffer()), file.name), file.name);
    const kind = Object.keys(part)[0];
    if (sets[set][kind])
      throw new Error(`${file.name}: there are two files with the ${kind} of the ${set} set; expected one`);
    Object.assign(sets[set], part);
  }
  const missing = MNIST.filter((name, i) => !sets[i < 2 ? 'train' : 'test'][i % 2 ? 'labels' : 'images']);
  if (missing.length) throw new Error(`${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} missing: drop all four at once`);
  for (const [name, {images, labels}] of Object.entries(sets)) {
    if (images.length !== 784 * labels.length)
      throw new Error(`the ${name} set has ${images.length / 784} images and ${labels.length} labels; expected as many`);
  }
  return sets;
}
