export default {
  define: { global: 'globalThis' }, // aws-amplify 5 is of a time when bundlers gave that
  build: { target: 'es2022', chunkSizeWarningLimit: 2000 },
};
