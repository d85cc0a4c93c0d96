import { type Meter, untilAbort } from "../../client/internal";

/**
 * Gives each reply its cost, for the client of a form: it answers one question, and mostly has its list of prices only after the
 * reply. The question does not wait for the list. The end of the reply does, at most some seconds.
 *
 * @param meter - counts towards the limits; undefined where nothing is limited
 */
export function priced(meter: Meter | undefined): Meter {
  return {
    ask: async (request, options, client) => {
      const completion = await (meter ? meter.ask(request, options, client) : client.complete(request, options));
      if (completion.cost !== undefined) return completion;
      const prices = client.prices();
      // Who stops now keeps the reply, which is complete.
      if (prices) await untilAbort(prices, options.signal).catch(() => {});
      const cost = client.costOf(request.model, completion);
      if (cost !== undefined) completion.cost = cost;
      return completion;
    },
  };
}
