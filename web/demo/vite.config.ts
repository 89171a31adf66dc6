import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The built page is committed and embedded in the server, so two builds of one
// source must be equal byte for byte, and nothing may be inline: the server's
// Content-Security-Policy is `default-src 'self'`.
export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    license: { fileName: 'licenses.md' },
  },
  server: {
    proxy: {
      // The Host of the target, so that the endpoint which it names is its own.
      '/demo': { target: 'http://127.0.0.1:9400', changeOrigin: true },
    },
  },
});
