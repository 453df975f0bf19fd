// SPDX-License-Identifier: MIT
// Trains in a thread of its own, so that the page stays responsive. createTrainer() is what emcc made of trainer.h.
'use strict';

const SLICE = 60; // milliseconds of work between two looks at what the page wants
const TEST_PART = 250; // images
const PIXELS = 784, CLASSES = 10, TRAIN = 0, TEST = 1;

let c = null; // the functions in C
let trainer = 0;
let counts = [0, 0]; // images of each set
let run = 0; // the number of the training; an older one that is still going on stops

function text(pointer) {
  return c.UTF8ToString(pointer);
}

function say(kind, more = {}) {
  postMessage({kind, ...more});
}

// Lets messages arrive.
function pause() {
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      resolve();
    };
    channel.port2.postMessage(0);
  });
}

function fail(what) {
  throw new Error(`${what}: ${text(c._trainer_message()) || 'not enough memory'}`);
}

function room(set, count) {
  const pointer = c._trainer_room(trainer, set, count);
  if (pointer === 0) throw new Error(`there is no memory for ${count} images`);
  counts[set] = count;
  return pointer;
}

async function generate(set, count, mine) {
  room(set, count);
  for (let first = 0; first < count && run === mine; first += TEST_PART) {
    c._trainer_generate(trainer, set, first, Math.min(TEST_PART, count - first));
    if (set === TRAIN) say('preparing', {done: Math.min(first + TEST_PART, count), all: count});
    await pause();
  }
}

function fill(set, {images, labels}) {
  const pointer = room(set, labels.length);
  c.HEAPU8.set(images, pointer);
  c.HEAPU8.set(labels, pointer + images.length);
}

function showSamples() {
  const shown = Math.min(20, counts[TRAIN]);
  const pointer = c._trainer_images(trainer, TRAIN);
  say('samples', {
    images: c.HEAPU8.slice(pointer, pointer + shown * PIXELS),
    labels: c.HEAPU8.slice(pointer + counts[TRAIN] * PIXELS, pointer + counts[TRAIN] * PIXELS + shown),
  });
}

async function test(epoch, mine) {
  let correct = 0;
  for (let first = 0; first < counts[TEST]; first += TEST_PART) {
    const part = c._trainer_test(trainer, first, Math.min(TEST_PART, counts[TEST] - first));
    if (part < 0) fail('the test failed');
    correct += part;
    await pause();
    if (run !== mine) return;
  }
  say('tested', {epoch, correct, count: counts[TEST]});
}

// What the last steps have shown: means over about a hundred of them.
class Recent {
  constructor() {
    this.loss = this.correct = this.images = this.seconds = 0;
  }

  add(images, correct, loss, seconds) {
    const keep = this.images > 100 * 64 ? 1 - images / this.images : 1;
    this.images = keep * this.images + images;
    this.correct = keep * this.correct + correct;
    this.loss = keep * this.loss + images * loss;
    this.seconds = keep * this.seconds + seconds;
  }
}

async function train(mine) {
  const recent = new Recent();
  for (;;) {
    const end = performance.now() + SLICE;
    let step, all, inEpoch, begun = performance.now();
    do {
      if (c._trainer_step(trainer) !== 0) fail('the training failed');
      const now = performance.now();
      let images, correct, loss;
      [step, all, inEpoch, images, correct, loss] = new Float64Array(c.HEAPU8.buffer, c._trainer_progress(trainer), 6);
      recent.add(images, correct, loss, (now - begun) / 1000);
      begun = now;
    } while (begun < end && step % inEpoch !== 0);
    const speed = recent.images / recent.seconds;
    say('progress', {
      step, all, epoch: Math.ceil(step / inEpoch), epochs: all / inEpoch, speed,
      loss: recent.loss / recent.images, accuracy: recent.correct / recent.images,
      left: (all - step) * counts[TRAIN] / inEpoch / speed,
    });
    await pause();
    if (run !== mine) return;
    if (step % inEpoch === 0) await test(step / inEpoch, mine);
    if (run !== mine) return;
    if (step === all) break;
  }
  say('finished', {hash: text(c._trainer_hash(trainer))});
}

async function start({norm, epochs, seed, generated, data}) {
  const mine = ++run;
  try {
    if (data) {
      fill(TRAIN, data.train);
      fill(TEST, data.test);
    } else {
      await generate(TRAIN, generated.train, mine);
      await generate(TEST, generated.test, mine);
    }
    if (run !== mine) return;
    showSamples();
    if (c._trainer_begin(trainer, norm, epochs, seed) !== 0) fail('the network cannot be made');
    say('begun', {parameters: c._trainer_parameters(trainer)});
    await train(mine);
  } catch (error) {
    if (run === mine) say('failed', {message: error.message});
  }
}

// Memory in C for the time of a call.
function withMemory(sizes, use) {
  const pointers = sizes.map((size) => c._malloc(size));
  try {
    if (pointers.includes(0)) throw new Error('not enough memory');
    return use(...pointers);
  } finally {
    pointers.forEach((pointer) => c._free(pointer));
  }
}

function recognize({pixels, side, number}) {
  withMemory([pixels.length, PIXELS, 4 * CLASSES], (from, image, scores) => {
    c.HEAPU8.set(pixels, from);
    const digit = c._trainer_recognize(trainer, from, side, image, scores);
    say('recognized', {
      number, digit, image: c.HEAPU8.slice(image, image + PIXELS),
      probabilities: Array.from(new Float32Array(c.HEAPU8.buffer, scores, CLASSES)),
    });
  });
}

function checkpoint() {
  withMemory([4], (size) => {
    const bytes = c._trainer_checkpoint(trainer, size);
    if (bytes === 0) fail('the checkpoint cannot be made');
    const length = new Int32Array(c.HEAPU8.buffer, size, 1)[0];
    say('checkpoint', {bytes: c.HEAPU8.slice(bytes, bytes + length)});
    c._free(bytes);
  });
}

const actions = {start, recognize, checkpoint, stop: () => ++run};

createTrainer().then((made) => {
  c = made;
  trainer = c._trainer_create();
  onmessage = ({data}) => {
    try {
      actions[data.kind](data);
    } catch (error) {
      say('failed', {message: error.message});
    }
  };
  say('ready');
}).catch((error) => say('unable', {message: error.message}));
