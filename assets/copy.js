// Copies what the page shows once. Without this script, or where the browser allows no copying, the text can be selected.
for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = !navigator.clipboard;
  button.addEventListener('click', async () => {
    const lines = [...document.querySelectorAll(button.dataset.copy)].map((one) => one.textContent.trim());
    const status = document.querySelector('#copied');
    status.textContent = '';
    try {
      await navigator.clipboard.writeText(lines.join('\n'));
      status.textContent = button.dataset.copied;
    } catch {
      status.textContent = 'Your browser did not allow copying. Select the text and copy it.';
    }
  });
}
