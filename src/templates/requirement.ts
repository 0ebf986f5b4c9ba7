/** `require` of a task, as it is written: how complete the pass must be, as a whole or by some of its APIDs. */
import * as v from "valibot";

/** 2047 is idle: nobody counts it. */
const apidMax = 2046;
const share = "a share above 0 and up to 1 is needed, such as 0.999";
const apidRule = `an APID is a whole number from 0 to ${apidMax}`;
const apid = v.pipe(v.number(apidRule), v.integer(apidRule), v.minValue(0, apidRule), v.maxValue(apidMax, apidRule));

export const requirement = v.pipe(
  v.strictObject(
    {
      completeness: v.pipe(v.number(share), v.gtValue(0, share), v.maxValue(1, share)),
      apids: v.optional(
        v.pipe(
          v.array(apid, "a list of APIDs is needed"),
          v.minLength(1, "one APID at least is needed; without apids the whole pass counts"),
          v.maxLength(apidMax + 1),
          v.check((apids) => new Set(apids).size === apids.length, "an APID is in it twice"),
        ),
      ),
    },
    "a mapping such as { completeness: 0.999 } is needed",
  ),
  v.transform(({ completeness, apids }) => ({ completeness, apids: apids ?? null })),
);
