/** Every machine of Orrery, by the name that the inspector shows. */
export { datasetMachine } from "./dataset.ts";
export { jobMachine } from "./job.ts";
export { listenerMachine } from "./listener.ts";
export { passMachine } from "./pass.ts";
export { productMachine } from "./product.ts";
export { sourceMachine } from "./source.ts";
