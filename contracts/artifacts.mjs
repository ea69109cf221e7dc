// Writes contracts/artifacts/<Name>.json from forge's output, or with --check compares them and fails on a difference.
import fs from 'node:fs';
import path from 'node:path';

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const out = path.join(here, '..', 'build', 'contracts', 'out');
const names = ['KoinonToken', 'Registry', 'WorkMarket', 'Rounds', 'Settling', 'QuorumCheck', 'OptimisticCheck', 'ProofCheck', 'CircuitReader', 'FraudCheck', 'Disputes', 'IDisputes', 'IWorkMarket', 'IRegistry', 'ICheck'];
const check = process.argv.includes('--check');
let wrong = 0;
for (const name of names) {
  const source = path.join(out, `${name}.sol`, `${name}.json`);
  if (!fs.existsSync(source)) {
    console.error(`[artifacts] ${name}: forge did not write it`);
    wrong = 1;
    continue;
  }
  const built = JSON.parse(fs.readFileSync(source, 'utf8'));
  const text = JSON.stringify(
    { contractName: name, abi: built.abi, bytecode: built.bytecode.object, deployedBytecode: built.deployedBytecode.object }, null, 1) + '\n';
  const target = path.join(here, 'artifacts', `${name}.json`);
  const size = (built.deployedBytecode.object.length - 2) / 2;
  if (size > 24576 || built.bytecode.object.includes('__$')) {
    console.error(`[artifacts] ${name}: ${size} bytes deployed against at most 24576, or unlinked`);
    wrong = 1;
  }
  if (!check) {
    fs.writeFileSync(target, text);
    console.log(`${name}: ${size} bytes deployed`);
  } else if (!fs.existsSync(target) || fs.readFileSync(target, 'utf8') !== text) {
    console.error(`[artifacts] ${name}: artifacts/${name}.json is not what the sources compile to; run contracts/check --update`);
    wrong = 1;
  }
}
// Code that the market runs in its own storage must lay it out as the market does.
const layout = (name) => JSON.parse(fs.readFileSync(path.join(out, `${name}.sol`, `${name}.json`), 'utf8'))
  .storageLayout.storage.map((v) => `${v.slot}+${v.offset} ${v.label} ${v.type.replace(/\d+_storage/g, 'storage').replace(/(t_contract\(\w+\))\d+/g, '$1')}`);
const market = layout('WorkMarket');
for (const name of ['Rounds', 'Settling', 'Disputes']) {
  const own = layout(name);
  if (own.length === 0 || own.some((line, i) => line !== market[i])) {
    console.error(`[artifacts] ${name}: its storage is not the beginning of WorkMarket's:\n${own.join('\n')}\nagainst\n${market.join('\n')}`);
    wrong = 1;
  }
}
process.exit(wrong);
