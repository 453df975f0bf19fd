// SPDX-License-Identifier: MIT
// What the user sees. The training is in worker.js, the files of MNIST in files.js.
'use strict';

const GENERATED = {train: 6000, test: 1000};
const DIGITS = [...Array(10).keys()];
const element = (id) => document.getElementById(id);
const count = (number) => Math.round(number).toLocaleString('en');
// Only what is certain is 100%.
const percent = (part) => `${part > 0.9995 && part < 1 ? Math.min(100 * part, 99.99).toFixed(2) : (100 * part).toFixed(1)}%`;

let data = null; // the images and labels of files, or null for generated digits

/* ---- The worker, and what it says -------------------------------------------------------------- */

const worker = new Worker(URL.createObjectURL(new Blob([element('worker').textContent], {type: 'text/javascript'})));

function status(text, state) {
  element('status').textContent = text;
  if (state) document.body.dataset.state = state;
}

function running(yes) {
  element('start').disabled = yes;
  element('stop').disabled = !yes;
}

function duration(seconds) {
  if (seconds < 1) return 'less than a second';
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return `${Math.ceil(seconds / 60)} min`;
}

function drawGrey(canvas, pixels) {
  const image = new ImageData(28, 28);
  for (let i = 0; i < 784; i++) image.data.set([pixels[i], pixels[i], pixels[i], 255], 4 * i);
  canvas.getContext('2d').putImageData(image, 0, 0);
}

const lines = {
  loss: [], accuracy: [],

  clear() {
    this.loss = [];
    this.accuracy = [];
    this.draw(1);
  },

  add(step, all, loss, accuracy) {
    this.loss.push([step, loss]);
    this.accuracy.push([step, accuracy]);
    this.draw(all);
  },

  draw(all) {
    const top = Math.max(0.1, ...this.loss.map(([, loss]) => loss));
    const path = (points, highest) => points.map(([step, value], i) =>
      `${i ? 'L' : 'M'}${(600 * step / all).toFixed(1)} ${(198 - 196 * value / highest).toFixed(1)}`).join('');
    element('loss-line').setAttribute('d', path(this.loss, top));
    element('accuracy-line').setAttribute('d', path(this.accuracy, 1));
    element('top').textContent = top.toFixed(2);
  },
};

const heard = {
  ready() {
    running(false);
    status('Ready: press Start.', 'ready');
  },

  unable({message}) {
    status('This browser cannot run the page: it needs WebAssembly with SIMD, as Chrome 91, Firefox 89 and Safari 16.4 ' +
      `have it. (${message})`, 'unable');
  },

  preparing({done, all}) {
    status(`Drawing ${count(all)} digits to learn from: ${count(done)} done\u2026`);
  },

  samples({images, labels}) {
    element('samples').replaceChildren(...Array.from(labels, (label, i) => {
      const figure = document.createElement('figure'), canvas = document.createElement('canvas');
      canvas.width = canvas.height = 28;
      drawGrey(canvas, images.subarray(784 * i, 784 * (i + 1)));
      figure.append(canvas, String(label));
      return figure;
    }));
  },

  begun({parameters}) {
    status(`Training a network of ${count(parameters)} parameters\u2026`, 'training');
    if (board.empty) board.clear(); // which asks for a digit
    board.ask();
  },

  progress({step, all, epoch, epochs, speed, loss, accuracy, left}) {
    element('step').textContent = `${count(step)} of ${count(all)}`;
    element('loss').textContent = loss.toFixed(3);
    element('accuracy').textContent = percent(accuracy);
    element('speed').textContent = count(speed);
    element('left').textContent = duration(left);
    element('bar').value = step / all;
    status(`Training: epoch ${epoch} of ${epochs}`);
    lines.add(step, all, loss, accuracy);
    board.ask();
  },

  tested({correct, count: all}) {
    element('test').textContent = percent(correct / all);
    element('test').title = `${count(correct)} of ${count(all)} test images recognized`;
  },

  finished({hash}) {
    element('hash').textContent = hash;
    element('result').hidden = false;
    element('left').textContent = '\u2013';
    running(false);
    status(`Finished: ${element('test').title}.`, 'finished');
    board.ask();
  },

  failed({message}) {
    running(false);
    status(`Stopped by an error: ${message}`, 'failed');
  },

  recognized(answer) {
    board.show(answer);
  },

  checkpoint({bytes}) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([bytes], {type: 'application/octet-stream'}));
    link.download = 'digits.safetensors';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  },
};

worker.onmessage = ({data: message}) => heard[message.kind](message);
worker.onerror = (event) => heard.unable({message: event.message || 'the worker cannot be started'});

/* ---- The board --------------------------------------------------------------------------------- */

const board = {
  canvas: element('board'),
  pen: null, // the pointer that is drawing, and where it was
  empty: true, asked: 0, waiting: false,

  clear() {
    this.context = this.canvas.getContext('2d', {willReadFrequently: true});
    this.context.fillStyle = '#000';
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.empty = true;
    element('answer').textContent = 'Draw a digit into the black square.';
    element('seen').getContext('2d').clearRect(0, 0, 28, 28);
    this.fill(DIGITS.map(() => 0), -1);
  },

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * this.canvas.width / box.width,
      (event.clientY - box.top) * this.canvas.height / box.height];
  },

  line(from, to) {
    Object.assign(this.context, {strokeStyle: '#fff', lineWidth: 20, lineCap: 'round', lineJoin: 'round'});
    this.context.beginPath();
    this.context.moveTo(...from);
    this.context.lineTo(...to);
    this.context.stroke();
    this.empty = false;
  },

  down(event) {
    if (this.pen || event.button !== 0) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.pen = {id: event.pointerId, at: this.place(event)};
    this.line(this.pen.at, this.pen.at);
    this.ask();
  },

  move(event) {
    if (!this.pen || event.pointerId !== this.pen.id) return;
    const passed = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const point of passed.length ? passed : [event]) {
      const to = this.place(point);
      this.line(this.pen.at, to);
      this.pen.at = to;
    }
    this.ask();
  },

  up(event) {
    if (this.pen && event.pointerId === this.pen.id) this.pen = null;
  },

  pixels() {
    const {width, height} = this.canvas;
    const rgba = this.context.getImageData(0, 0, width, height).data;
    return Uint8Array.from({length: width * height}, (_, i) => rgba[4 * i]);
  },

  // One question at a time: what was drawn in the meantime is asked after the answer.
  ask() {
    this.asked++;
    if (!this.waiting && !this.empty && !['ready', undefined].includes(document.body.dataset.state)) {
      this.waiting = true;
      worker.postMessage({kind: 'recognize', pixels: this.pixels(), side: this.canvas.width, number: this.asked});
    }
  },

  show({number, digit, image, probabilities}) {
    this.waiting = false;
    if (this.empty) return;
    if (digit < 0) {
      element('answer').textContent = 'There is nothing to recognize yet.';
    } else {
      element('answer').textContent = `This is a ${digit}, with a probability of ${percent(probabilities[digit])}.`;
      drawGrey(element('seen'), image);
      this.fill(probabilities, digit);
    }
    if (number !== this.asked) this.ask();
    else document.body.dataset.answered = number;
  },

  fill(probabilities, best) {
    element('bars').replaceChildren(...DIGITS.map((digit) => {
      const item = document.createElement('li'), bar = document.createElement('span');
      const value = document.createElement('output');
      bar.style.setProperty('--part', percent(probabilities[digit]));
      value.textContent = percent(probabilities[digit]);
      value.title = probabilities[digit];
      item.classList.toggle('best', digit === best);
      item.append(String(digit), bar, value);
      return item;
    }));
  },
};

board.canvas.addEventListener('pointerdown', (event) => board.down(event));
board.canvas.addEventListener('pointermove', (event) => board.move(event));
board.canvas.addEventListener('pointerup', (event) => board.up(event));
board.canvas.addEventListener('pointercancel', (event) => board.up(event));
element('clear').addEventListener('click', () => board.clear());
board.clear();
element('answer').textContent = 'Start the training, then draw a digit into the black square.';

/* ---- Controls ---------------------------------------------------------------------------------- */

element('settings').addEventListener('submit', (event) => {
  event.preventDefault(); // the browser has checked the numbers, and said what is wrong with them
  const [norm, epochs, seed] = ['norm', 'epochs', 'seed'].map((id) => Number(element(id).value));
  for (const id of ['step', 'loss', 'accuracy', 'test', 'speed', 'left']) element(id).textContent = '\u2013';
  element('result').hidden = true;
  element('bar').value = 0;
  lines.clear();
  running(true);
  status('Preparing\u2026', 'preparing');
  worker.postMessage({kind: 'start', norm, epochs, seed, generated: GENERATED, data});
});

element('stop').addEventListener('click', () => {
  worker.postMessage({kind: 'stop'});
  running(false);
  status('Stopped.', 'stopped');
});

element('save').addEventListener('click', () => worker.postMessage({kind: 'checkpoint'}));

async function take(files) {
  element('complaint').textContent = '';
  try {
    data = await readMnist(files);
    element('data').textContent =
      `It will learn from ${count(data.train.labels.length)} images of your files, and be tested with ` +
      `${count(data.test.labels.length)} others. Press Start.`;
    if (element('stop').disabled) status('Ready to train on your files: press Start.');
  } catch (error) {
    element('complaint').textContent = error.message;
  }
}

element('files').addEventListener('change', ({target}) => {
  take([...target.files]);
  target.value = '';
});
for (const kind of ['dragover', 'dragenter', 'dragleave', 'drop']) {
  document.addEventListener(kind, (event) => { // a file beside the box would replace the page
    event.preventDefault();
    element('drop').classList.toggle('over', kind !== 'drop' && kind !== 'dragleave');
    if (kind === 'drop' && event.dataTransfer.files.length) take([...event.dataTransfer.files]);
  });
}
