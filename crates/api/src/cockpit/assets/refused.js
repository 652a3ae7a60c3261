import './frame.js';
