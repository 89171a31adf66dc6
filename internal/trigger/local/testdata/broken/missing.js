require('no-such-library');
