/**
 * Orrery as a source of telemetry for Open MCT: `openmct.install(orreryPlugin())`. Ships are folders, their parameters points;
 * history and live values come from `url`, by default the server that this file came from.
 */
const namespace = "orrery";
const shipType = "orrery.ship";
const pointType = "orrery.parameter";
const rootKey = "ships";
const reconnectMs = 1000;

/** @typedef {{ namespace: string, key: string }} Identifier */
/** @typedef {{ identifier: Identifier, type: string }} DomainObject */
/** @typedef {{ key: string, name: string, values: object[] }} Point */
/** @typedef {{ id: string, timestamp: number, value: number | string, error?: string }} Datum */
/** @typedef {(datum: Datum) => void} Hear */
/** @typedef {{ start: number, end: number, strategy?: string, size?: number, signal?: AbortSignal }} Request */
/** @typedef {{ addType(name: string, type: object): void }} Types */
/** @typedef {{ addRoot(identifier: Identifier): void, addProvider(namespace: string, provider: object): void }} Objects */
/** @typedef {{ addProvider(provider: object): void }} Providers */
/** @typedef {{ types: Types, objects: Objects, composition: Providers, telemetry: Providers }} OpenMct */

/** @param {string} key */
const identifierOf = (key) => ({ namespace, key });

/**
 * @param {string} url
 * @param {AbortSignal} [signal]
 */
async function answerOf(url, signal) {
  const response = await fetch(url, { signal: signal ?? null });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response.json();
}

/**
 * One socket for all points; after a break it subscribes again to what is still wanted.
 * @param {string} url
 */
function openRealtime(url) {
  /** @type {Map<string, Set<Hear>>} */
  const listeners = new Map();
  /** @type {WebSocket | null} */
  let socket = null;

  function connect() {
    socket = new WebSocket(url);
    socket.onopen = () => {
      for (const id of listeners.keys()) say(`subscribe ${id}`);
    };
    socket.onmessage = ({ data }) => {
      /** @type {Datum} */
      const datum = JSON.parse(data);
      if (datum.error !== undefined) console.error(`Orrery: ${datum.error}`);
      for (const hear of listeners.get(datum.id) ?? []) hear(datum);
    };
    socket.onclose = () => {
      socket = null;
      if (listeners.size > 0) setTimeout(connect, reconnectMs);
    };
  }

  /** @param {string} text */
  function say(text) {
    if (socket?.readyState === WebSocket.OPEN) socket.send(text);
  }

  /**
   * @param {string} id
   * @param {Hear} hear
   */
  return function subscribe(id, hear) {
    /** @type {Set<Hear>} */
    const heard = listeners.get(id) ?? new Set();
    listeners.set(id, heard);
    heard.add(hear);
    if (heard.size === 1) say(`subscribe ${id}`);
    if (socket === null) connect();
    return () => {
      heard.delete(hear);
      if (heard.size > 0) return;
      listeners.delete(id);
      say(`unsubscribe ${id}`);
    };
  };
}

export function orreryPlugin({ url = new URL("/openmct", globalThis.location.href).href } = {}) {
  const subscribe = openRealtime(`${url.replace(/^http/, "ws")}/realtime`);
  /** @type {(ship: string) => Promise<{ measurements: Point[] }>} */
  const dictionaryOf = (ship) => answerOf(`${url}/dictionary/${ship}`);

  /** @param {Identifier} identifier */
  async function objectOf({ key }) {
    const identifier = identifierOf(key);
    if (key === rootKey) return { identifier, name: "Ships", type: "folder", location: "ROOT" };
    const [ship = ""] = key.split("~");
    if (ship === key) return { identifier, name: ship, type: shipType, location: `${namespace}:${rootKey}` };
    const { measurements } = await dictionaryOf(ship);
    const point = measurements.find((each) => each.key === key);
    if (point === undefined) throw new Error(`Orrery has no parameter ${key}`);
    return {
      identifier,
      name: point.name,
      type: pointType,
      telemetry: { values: point.values },
      location: `${namespace}:${ship}`,
    };
  }

  const composition = {
    /** @param {DomainObject} object */
    appliesTo: ({ identifier, type }) => identifier.namespace === namespace && type !== pointType,
    /** @param {DomainObject} object */
    async load({ identifier }) {
      const { key } = identifier;
      /** @type {{ key: string }[]} */
      const found = key === rootKey ? await answerOf(`${url}/dictionary`) : (await dictionaryOf(key)).measurements;
      return found.map((each) => identifierOf(each.key));
    },
  };

  const telemetry = {
    /** @param {DomainObject} object */
    supportsRequest: ({ type }) => type === pointType,
    /**
     * @param {DomainObject} object
     * @param {Request} request
     */
    request({ identifier }, { start, end, strategy, size = 0, signal }) {
      const query = new URLSearchParams({ start: String(start), end: String(end) });
      if (strategy === "latest" || strategy === "minmax") query.set("strategy", strategy);
      if (size > 0) query.set("size", String(Math.min(Math.ceil(size), 10_000)));
      return answerOf(`${url}/history/${identifier.key}?${query}`, signal);
    },
    /** @param {DomainObject} object */
    supportsSubscribe: ({ type }) => type === pointType,
    /**
     * @param {DomainObject} object
     * @param {Hear} hear
     */
    subscribe: ({ identifier }, hear) => subscribe(identifier.key, hear),
  };

  /** @param {OpenMct} openmct */
  return function install(openmct) {
    openmct.types.addType(shipType, { name: "Ship", description: "A spacecraft of Orrery", cssClass: "icon-folder" });
    openmct.types.addType(pointType, {
      name: "Parameter",
      description: "A parameter of a ship",
      cssClass: "icon-telemetry",
    });
    openmct.objects.addRoot(identifierOf(rootKey));
    openmct.objects.addProvider(namespace, { get: objectOf });
    openmct.composition.addProvider(composition);
    openmct.telemetry.addProvider(telemetry);
  };
}
