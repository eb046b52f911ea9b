// Run one deck in ngspice 45.2, built for WebAssembly (npm: eecircuit-engine 1.8.0); see README.md.
import { readFileSync } from "fs";
import { Simulation } from "eecircuit-engine";

const simulation = new Simulation();
await simulation.start();
simulation.setNetList(readFileSync(process.argv[2], "utf8"));
const result = await simulation.runSim();
console.log(simulation.getInfo());
console.log("@@header\n" + result.header);
process.exit(0);
