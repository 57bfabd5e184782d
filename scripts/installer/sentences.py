"""Every sentence of the two commands, in English and French.

They cannot live in ui/locales: they are needed before anything is installed, and on a Python too old to
import the rest. This file therefore avoids what Python 3.8 cannot read.
"""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Mapping

SENTENCES: dict[str, tuple[str, str]] = {
    "welcome": (
        "First start: this takes {minutes} and about {gigabytes} GB in {folder}. Later starts take seconds.",
        "Premier démarrage : comptez {minutes} et environ {gigabytes} Go dans {folder}. "
        "Ensuite, quelques secondes suffisent.",
    ),
    "minutes_full": ("about 10 minutes", "une dizaine de minutes"),
    "minutes_light": ("about 8 minutes", "environ 8 minutes"),
    "gigabytes_full": ("1.5", "1,5"),
    "gigabytes_light": ("1", "1"),
    "step_venv": ("Make the Python environment", "Création de l'environnement Python"),
    "step_core": ("Install the libraries", "Installation des bibliothèques"),
    "step_model": ("Install the model (98 MB)", "Installation du modèle (98 Mo)"),
    "step_llama": ("Compile llama.cpp", "Compilation de llama.cpp"),
    "compiling": (
        "Next, the engine llama.cpp is compiled: about 6 minutes on two cores, the first time only.",
        "Ensuite vient la compilation du moteur llama.cpp : environ 6 minutes sur deux cœurs, "
        "la première fois seulement.",
    ),
    "step_look": ("Look at torch", "Examen de torch"),
    "step_torch": ("Install torch", "Installation de torch"),
    "step_torch_cpu": (
        "Install torch without NVIDIA's libraries",
        "Installation de torch sans les bibliothèques de NVIDIA",
    ),
    "step_transformers": (
        "Install transformers",
        "Installation de transformers",
    ),
    "step_dev": ("Install the test tools", "Installation des outils de test"),
    "step_project": ("Install Logitbox itself", "Installation de Logitbox"),
    "step_apt": ("Install {packages} with apt-get", "Installation de {packages} avec apt-get"),
    "ready": ("Everything is installed.", "Tout est installé."),
    "starting": ("Starting Logitbox; Ctrl-C stops it.", "Démarrage de Logitbox ; Ctrl-C l'arrête."),
    "checking": ("Running every gate.", "Exécution de tous les contrôles."),
    "stopped": ("Stopped. The same command goes on from here.", "Arrêté. La même commande reprendra ici."),
    "slower": (
        "The same model will run through transformers, more slowly.",
        "Le même modèle tournera avec transformers, plus lentement.",
    ),
    "no_transformers": (
        "The second engine, transformers, is left out; Logitbox works without it.",
        "Le second moteur, transformers, est laissé de côté ; Logitbox fonctionne sans lui.",
    ),
    "left_out": (
        "Left out at the first start: {names}. To try again: python scripts/start.py --repair",
        "Non installé au premier démarrage : {names}. Pour réessayer : python scripts/start.py --repair",
    ),
    "log": ("The whole output is in {log}", "Le journal complet se trouve dans {log}"),
    # --- what can be missing, and what to type
    "old_python": (
        "Logitbox needs Python 3.11 or newer and this is {version}; install one from python.org and type: "
        "python3.11 scripts/start.py",
        "Logitbox demande Python 3.11 ou plus récent et celui-ci est en version {version} ; installez-en un depuis "
        "python.org puis tapez : python3.11 scripts/start.py",
    ),
    "no_venv": (
        "This Python cannot make environments (module venv); on Debian or Ubuntu type: "
        "sudo apt-get install python3-venv",
        "Ce Python ne sait pas créer d'environnement (module venv) ; sous Debian ou Ubuntu, tapez : "
        "sudo apt-get install python3-venv",
    ),
    "no_compiler": (
        "llama.cpp needs a C++ compiler and none was found; type: {command}",
        "llama.cpp demande un compilateur C++ et aucun n'a été trouvé ; tapez : {command}",
    ),
    "out_of_memory": (
        "The compiler ran out of memory; close other programs and type: python scripts/start.py --repair",
        "Le compilateur a manqué de mémoire ; fermez d'autres programmes puis tapez : "
        "python scripts/start.py --repair",
    ),
    "disk_full": (
        "The disk is full: about {gigabytes} GB must be free for {folder}; make room and type the same "
        "command again.",
        "Le disque est plein : il faut environ {gigabytes} Go libres pour {folder} ; faites de la place et "
        "retapez la même commande.",
    ),
    "no_network": (
        "The package index cannot be reached; connect this machine to the network (only the first start "
        "needs it) and type the same command again.",
        "L'index des paquets est injoignable ; connectez cette machine au réseau (seul le premier démarrage "
        "en a besoin) et retapez la même commande.",
    ),
    "no_wheel": (
        "The package index offers no fitting {package} for Python {version} on {system}; start with another "
        "version of Python, or on another network if a proxy or a login page stands before this one.",
        "L'index des paquets n'a pas de {package} qui convienne à Python {version} sur {system} ; essayez une "
        "autre version de Python, ou un autre réseau si un proxy ou une page de connexion filtre celui-ci.",
    ),
    "read_only": (
        "The folder {folder} cannot be written to; copy the project where you may write and start it there.",
        "Impossible d'écrire dans le dossier {folder} ; copiez le projet là où vous pouvez écrire et "
        "lancez-le depuis cet endroit.",
    ),
    "cuda_only": (
        "This machine has no NVIDIA card and PyTorch's CPU index cannot be reached: torch is left out rather "
        "than taking gigabytes of NVIDIA libraries; to try again: python scripts/start.py --repair",
        "Cette machine n'a pas de carte NVIDIA et l'index CPU de PyTorch est injoignable : torch est laissé "
        "de côté pour ne pas télécharger des gigaoctets de bibliothèques NVIDIA ; pour réessayer : "
        "python scripts/start.py --repair",
    ),
    "no_engine": (
        "No engine could be installed, so no model can run.",
        "Aucun moteur n'a pu être installé : aucun modèle ne peut tourner.",
    ),
    "unknown": (
        'The step "{step}" failed: {reason}; type the same command again.',
        "L'étape « {step} » a échoué : {reason} ; retapez la même commande.",
    ),
    "no_browser": (
        "No Chromium, Chrome or Edge was found: the browser tests will be skipped. To run them: {command}",
        "Ni Chromium, ni Chrome, ni Edge n'a été trouvé : les tests de navigateur seront ignorés. "
        "Pour les lancer : {command}",
    ),
    "no_node": (
        "Node was not found: the JavaScript tests will be skipped. To run them: {command}",
        "Node n'a pas été trouvé : les tests JavaScript seront ignorés. Pour les lancer : {command}",
    ),
    # --- help of the two commands
    "help_start": (
        "Install Logitbox into .venv if need be, then open it in the browser.",
        "Installe Logitbox dans .venv si nécessaire, puis l'ouvre dans le navigateur.",
    ),
    "help_test": (
        "Install Logitbox and the test tools, then run every gate.",
        "Installe Logitbox et les outils de test, puis exécute tous les contrôles.",
    ),
    "help_port": ("port of the page (default 7860)", "port de la page (7860 par défaut)"),
    "help_lang": ("language of the page and of these messages", "langue de la page et de ces messages"),
    "help_no_browser": ("only print the address", "afficher l'adresse sans ouvrir le navigateur"),
    "help_light": (
        "without torch and transformers: less than 1 GB instead of 1.5",
        "sans torch ni transformers : moins de 1 Go au lieu de 1,5",
    ),
    "help_repair": ("try again what could not be installed", "réessayer ce qui n'a pas pu être installé"),
    "help_long": ("the slow, exhaustive tests too", "aussi les tests longs et exhaustifs"),
}


def say(key: str, lang: str, **facts: object) -> str:
    """One sentence, its blanks filled.

    >>> say("log", "fr", log="install.log")
    'Le journal complet se trouve dans install.log'
    """
    english, french = SENTENCES[key]
    return (french if lang == "fr" else english).format(**facts)


def language(asked: str | None, environ: Mapping[str, str], system: str = "") -> str:
    """ "fr" or "en": what was asked, else the first locale variable set, else the system's own language.

    >>> language(None, {"LANG": "fr_FR.UTF-8"}), language("en", {"LANG": "fr_FR.UTF-8"}), language(None, {})
    ('fr', 'en', 'en')
    """
    named = (environ.get(name, "") for name in ("LOGITBOX_LANG", "LC_ALL", "LC_MESSAGES", "LANG"))
    word = asked or next((value for value in named if value), "") or system
    return "fr" if word.lower().startswith("fr") else "en"


def here(asked: str | None = None) -> str:
    """The language for this machine. Windows sets no LANG, so there the locale is asked."""
    return language(asked, os.environ, (locale.getlocale()[0] or "") if sys.platform == "win32" else "")


def lang_in(arguments: list[str]) -> str | None:
    """What follows --lang, read before the real parser so that the help itself is in that language.

    >>> lang_in(["--light", "--lang", "fr"]), lang_in(["--lang=en"]), lang_in([])
    ('fr', 'en', None)
    """
    for i, word in enumerate(arguments):
        if word.startswith("--lang="):
            return word.partition("=")[2]
        if word == "--lang":
            return "".join(arguments[i + 1 : i + 2]) or None
    return None
