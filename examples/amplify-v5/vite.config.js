import { defineConfig } from 'vite';

export default defineConfig({
  define: { global: 'globalThis' }, // Amplify 5 is of a time when bundlers gave that
  build: { target: 'es2022', chunkSizeWarningLimit: 2000 },
});
