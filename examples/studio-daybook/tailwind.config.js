/** @type {import('tailwindcss').Config} */
export default {
  content: ['./index.html', './src/**/*.{js,ts,jsx,tsx}'],
  theme: {
    extend: {
      fontFamily: {
        sans: ['"Instrument Sans Variable"', 'system-ui', 'sans-serif'],
        serif: ['"Instrument Serif"', 'Georgia', 'serif'],
      },
      colors: {
        paper: '#fbfaf7',
        leaf: '#f1eee7',
        rule: '#ded9cd',
        ink: '#1d1b18',
        soft: '#746e64',
        seal: '#c8402a',
        moss: '#4d6b4f',
        brass: '#a97a1f',
      },
    },
  },
  plugins: [],
};
