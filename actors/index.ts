/** Every machine of Orrery, by the name that the inspector shows. */
export { datasetMachine } from "./dataset.ts";
export { productMachine } from "./product.ts";
