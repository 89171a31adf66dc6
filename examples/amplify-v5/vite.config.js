import { defineConfig } from 'vite';

export default defineConfig({
  define: { global: 'globalThis' }, // Amplify 5 is of a time when bundlers gave that
  server: { fs: { allow: ['../..'] } }, // for web/step-up
  build: { target: 'es2022', chunkSizeWarningLimit: 2000 },
});
