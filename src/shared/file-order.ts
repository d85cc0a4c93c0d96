/**
 * The properties of version 0.1.0 in the order of its flow files: of chat nodes, then what configurations and tools have besides.
 * The editor writes a flow file in the order of `defaults`. With these first and as they were, an older file keeps its lines
 * when it is deployed again.
 */
const FIRST = `
  name config model prompt promptType system systemType temperature maxTokens topP stop seed frequencyPenalty presencePenalty
  reasoningEffort extra stream chunk chunkInterval streamReasoning tools toolChoice toolName maxSteps toolTimeout conversation
  conversationType output outputType
  baseUrl timeout retries maxConcurrent maxQueued wakeUp billTo headers serverStreams tls proxy
  description parameters strict`
  .trim()
  .split(/\s+/);

/** Returns fields as a flow file has them: those of 0.1.0 first, then the others in the order of the form. */
export function inFileOrder<F extends { name: string }>(fields: readonly F[]): F[] {
  const place = ({ name }: F) => FIRST.indexOf(name);
  const first = fields.filter(({ name }) => FIRST.includes(name)).sort((a, b) => place(a) - place(b));
  return [...first, ...fields.filter(({ name }) => !FIRST.includes(name))];
}
