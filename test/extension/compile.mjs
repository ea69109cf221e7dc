// Compiles the contracts of a folder, outside contracts/, as contracts/ compiles its own:
//   node test/extension/compile.mjs FOLDER [--check]
// Writes FOLDER/artifacts/<Name>.json for every FOLDER/<Name>.sol, or with --check compares them and fails on a difference.
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const check = process.argv.includes('--check');
const folder = process.argv.slice(2).find((a) => a !== '--check');
if (folder === undefined) {
  console.error('[compile] a folder of .sol files expected');
  process.exit(2);
}

/** Adds a source and what it imports, by paths from the root, so that the bytes do not depend on where the tree lies. */
function gather(file, sources) {
  if (file in sources) return;
  const content = fs.readFileSync(path.join(root, file), 'utf8');
  sources[file] = {content};
  for (const [, relative] of content.matchAll(/^import [^"]*"(\.[^"]+)";/gm)) gather(path.posix.join(path.posix.dirname(file), relative), sources);
}

const from = path.relative(root, path.resolve(folder)).split(path.sep).join('/');
const names = fs.readdirSync(path.join(root, from)).filter((f) => f.endsWith('.sol')).map((f) => f.slice(0, -4)).sort();
const sources = {};
for (const name of names) gather(`${from}/${name}.sol`, sources);
// The settings of contracts/foundry.toml.
const settings = {
  evmVersion: 'cancun',
  optimizer: {enabled: true, runs: 1},
  viaIR: true,
  metadata: {bytecodeHash: 'none', appendCBOR: false},
  outputSelection: {'*': {'*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object']}},
};
const answer = execFileSync(process.execPath, [path.join(root, 'tools', 'solc'), '--standard-json'], {
  input: JSON.stringify({language: 'Solidity', sources, settings}),
  maxBuffer: 1 << 28,
});
const built = JSON.parse(answer);
let wrong = names.length === 0 ? 1 : 0;
for (const e of built.errors ?? []) {
  console.error(e.formattedMessage);
  wrong = 1;
}
for (const name of names) {
  if (built.contracts?.[`${from}/${name}.sol`]?.[name] === undefined) {
    console.error(`[compile] ${name}.sol holds no contract ${name}`);
    wrong = 1;
    continue;
  }
  const {abi, evm} = built.contracts[`${from}/${name}.sol`][name];
  const [bytecode, deployedBytecode] = [evm.bytecode, evm.deployedBytecode].map((b) => '0x' + b.object);
  if (deployedBytecode.length / 2 - 1 > 24576) {
    console.error(`[compile] ${name}: larger than 24576 bytes deployed`);
    wrong = 1;
  }
  const text = JSON.stringify({contractName: name, abi, bytecode, deployedBytecode}, null, 1) + '\n';
  const target = path.join(root, from, 'artifacts', `${name}.json`);
  if (!check) {
    fs.mkdirSync(path.dirname(target), {recursive: true});
    fs.writeFileSync(target, text);
    console.log(`${name}: ${deployedBytecode.length / 2 - 1} bytes deployed`);
  } else if (!fs.existsSync(target) || fs.readFileSync(target, 'utf8') !== text) {
    console.error(`[compile] ${name}: artifacts/${name}.json is not what ${name}.sol compiles to; run this without --check`);
    wrong = 1;
  }
}
process.exit(wrong);
