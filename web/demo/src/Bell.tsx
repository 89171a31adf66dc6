/** The logo: a desk bell. It gives one short ring where motion is welcome. */
export function Bell({ ringing = false }: { ringing?: boolean }) {
  return (
    <svg className={ringing ? 'bell ringing' : 'bell'} viewBox="2 3 28 26" aria-hidden="true" focusable="false">
      <circle cx="16" cy="7.4" r="2.2" />
      <path d="M5.5 21.5a10.5 10.5 0 0 1 21 0z" />
      <rect className="bell-foot" x="3.5" y="23.4" width="25" height="3.4" rx="1.7" />
    </svg>
  );
}
