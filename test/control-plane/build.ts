/** `node test/control-plane/build.ts`: makes sure that the local control plane's programs are there. */
import { findBinaries, KUBERNETES_VERSION, PROGRAMS } from './binaries.ts';

try {
  const start = performance.now();
  const binaries = await findBinaries(PROGRAMS);
  const directories = new Set(Object.values(binaries).map((path) => path.slice(0, path.lastIndexOf('/'))));
  const seconds = (performance.now() - start) / 1000;
  console.error(
    `control plane: ${seconds < 1 ? 'ready' : `ready after ${seconds.toFixed(0)} s`} in ${[...directories].join(' and ')} (Kubernetes ${KUBERNETES_VERSION} where built here)`,
  );
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 3;
}
