; Paddock-Setup.exe: per user, no administrator. Compiled by make_installer.py, on Windows and Linux alike.
;
;   /S         says nothing and asks nothing; the exit code is 0, or 2 if Paddock is running
;   /D=FOLDER  where to install; the last argument, without quotes even if the path has spaces
;
; The uninstaller takes /S, too, and leaves conversations and models alone unless it is given /PURGE.
;
; What belongs to Paddock in its folder is paddock.exe, uninstall.exe and _internal. Nothing else is ever deleted there,
; so that a folder with other things in it may be chosen.

Unicode true
!if /FileExists "${NSISDIR}/Stubs/lzma_solid-amd64-unicode" ; Debian's NSIS has it, the official one does not
    Target amd64-unicode
!endif
SetCompressor /SOLID lzma
SetDateSave off ; the same payload makes the same installer

!include MUI2.nsh
!include FileFunc.nsh
!include LogicLib.nsh
!include WinVer.nsh

!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\Paddock"
!define CLASSES "Software\Classes"
!define FILE_TYPE "Paddock.gguf"
!define SHORTCUT "$SMPROGRAMS\Paddock.lnk"
!define DATA "$LOCALAPPDATA\Paddock"

Name "Paddock"
OutFile "${OUT}"
InstallDir "$LOCALAPPDATA\Programs\Paddock"
InstallDirRegKey HKCU "${UNINSTALL_KEY}" "InstallLocation" ; an upgrade goes where the version before is
RequestExecutionLevel user
ManifestDPIAware true
ManifestSupportedOS Win10
BrandingText " "

VIProductVersion "${VERSION_OF_FOUR}"
VIFileVersion "${VERSION_OF_FOUR}"
VIAddVersionKey "ProductName" "Paddock"
VIAddVersionKey "FileDescription" "Installs Paddock"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "CompanyName" "Paddock"
VIAddVersionKey "LegalCopyright" "Apache License 2.0"

!ifdef SIGN ; a command that takes the file as its last argument
    !uninstfinalize '${SIGN} "%1"'
    !finalize '${SIGN} "%1"'
!endif

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_WELCOMEFINISHPAGE_BITMAP "${BANNER}"
!define MUI_WELCOMEFINISHPAGE_BITMAP_STRETCH FitControl
!define MUI_FINISHPAGE_RUN "$INSTDIR\paddock.exe"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!define MUI_COMPONENTSPAGE_NODESC
!define MUI_COMPONENTSPAGE_TEXT_TOP "Choose what to remove. Models that lie outside Paddock's own folder are never touched."
!insertmacro MUI_UNPAGE_COMPONENTS
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; A program that runs cannot be opened for writing.
!macro RefuseWhileRunning
    ${Do}
        ${IfNot} ${FileExists} "$INSTDIR\paddock.exe"
            ${Break}
        ${EndIf}
        ClearErrors
        FileOpen $0 "$INSTDIR\paddock.exe" a
        ${IfNot} ${Errors}
            FileClose $0
            ${Break}
        ${EndIf}
        ${If} ${Cmd} `MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "Paddock is running. Close it, then choose Retry." /SD IDCANCEL IDCANCEL`
            SetErrorLevel 2
            Quit
        ${EndIf}
    ${Loop}
!macroend

!macro RemoveProgram
    Delete "$INSTDIR\paddock.exe"
    RMDir /r "$INSTDIR\_internal"
!macroend

!macro TellExplorer ; that a file type has changed
    System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)'
!macroend

Function .onInit
    SetShellVarContext current
    ${IfNot} ${AtLeastWin10}
        MessageBox MB_OK|MB_ICONSTOP "Paddock needs Windows 10 or later." /SD IDOK
        SetErrorLevel 2
        Quit
    ${EndIf}
FunctionEnd

Section "Paddock"
    !insertmacro RefuseWhileRunning
    !insertmacro RemoveProgram ; of the version before: nothing stale is left
    SetOutPath "$INSTDIR"
    !cd "${PAYLOAD}"
    File "paddock.exe"
    File /r "_internal"
    WriteUninstaller "$INSTDIR\uninstall.exe"
    CreateShortcut "${SHORTCUT}" "$INSTDIR\paddock.exe"

    ; Offered for .gguf files, and not seized: Windows asks with which program to open them.
    WriteRegStr HKCU "${CLASSES}\${FILE_TYPE}" "" "GGUF model"
    WriteRegStr HKCU "${CLASSES}\${FILE_TYPE}\DefaultIcon" "" "$INSTDIR\paddock.exe,0"
    WriteRegStr HKCU "${CLASSES}\${FILE_TYPE}\shell\open\command" "" '"$INSTDIR\paddock.exe" "%1"'
    WriteRegStr HKCU "${CLASSES}\.gguf\OpenWithProgids" "${FILE_TYPE}" ""
    WriteRegStr HKCU "${CLASSES}\Applications\paddock.exe" "FriendlyAppName" "Paddock"
    WriteRegStr HKCU "${CLASSES}\Applications\paddock.exe\SupportedTypes" ".gguf" ""
    WriteRegStr HKCU "${CLASSES}\Applications\paddock.exe\shell\open\command" "" '"$INSTDIR\paddock.exe" "%1"'
    !insertmacro TellExplorer

    ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
    WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayName" "Paddock"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\paddock.exe"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "Publisher" "Paddock"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
    WriteRegStr HKCU "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
    WriteRegDWORD HKCU "${UNINSTALL_KEY}" "EstimatedSize" $0
    WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoModify" 1
    WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoRepair" 1
SectionEnd

Section "un.Paddock"
    SectionIn RO
    !insertmacro RefuseWhileRunning
    !insertmacro RemoveProgram
    Delete "$INSTDIR\uninstall.exe"
    RMDir "$INSTDIR" ; only if nothing is left in it
    Delete "${SHORTCUT}"
    DeleteRegKey HKCU "${CLASSES}\${FILE_TYPE}"
    DeleteRegKey HKCU "${CLASSES}\Applications\paddock.exe"
    DeleteRegValue HKCU "${CLASSES}\.gguf\OpenWithProgids" "${FILE_TYPE}"
    DeleteRegKey /ifempty HKCU "${CLASSES}\.gguf\OpenWithProgids"
    DeleteRegKey /ifempty HKCU "${CLASSES}\.gguf"
    DeleteRegKey HKCU "${UNINSTALL_KEY}"
    !insertmacro TellExplorer
SectionEnd

Section /o "un.Downloaded models" models
    RMDir /r "${DATA}\models"
    RMDir "${DATA}"
SectionEnd

Section /o "un.Conversations and settings" conversations
    FindFirst $0 $1 "${DATA}\*"
    ${DoUntil} $1 == ""
        ${If} $1 != "."
        ${AndIf} $1 != ".."
        ${AndIf} $1 != "models"
            Delete "${DATA}\$1"
            RMDir /r "${DATA}\$1"
        ${EndIf}
        FindNext $0 $1
    ${Loop}
    FindClose $0
    RMDir "${DATA}"
SectionEnd

Function un.onInit
    SetShellVarContext current
    ${GetParameters} $0
    ClearErrors
    ${GetOptions} $0 "/PURGE" $1
    ${IfNot} ${Errors}
        !insertmacro SelectSection ${models}
        !insertmacro SelectSection ${conversations}
    ${EndIf}
FunctionEnd
